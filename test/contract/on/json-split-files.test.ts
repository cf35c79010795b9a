import { runContract } from '../run-contract.ts';

await runContract('json split files');
