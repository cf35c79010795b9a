import { runContract } from '../run-contract.ts';

await runContract('sqlite with query cache');
