/** The contract of jobs, on a local server and its processes. */
import { afterAll, beforeAll } from '@jest/globals';
import { describeJobs } from '../jobs/jobs-contract.ts';
import { JobServer } from './job-server.ts';

let server: JobServer;
beforeAll(async () => {
  server = await JobServer.create();
  await server.fill(20);
  await server.serve();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describeJobs(() => ({
  between: { source_type: 'json', target_type: 'sqlite' },
  call: (method, path, body) => server.call(method, path, body),
}));
