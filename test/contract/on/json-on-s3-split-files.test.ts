import { runContract } from '../run-contract.ts';

await runContract('json on S3 split files');
