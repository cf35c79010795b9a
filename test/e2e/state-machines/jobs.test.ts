/** The contract of jobs, on a deployment: its API, and executions of its state machines. */
import { afterAll, beforeAll, expect } from '@jest/globals';
import { describeJobs } from '../../jobs/jobs-contract.ts';
import { type DeployedJobs, deployJobs } from './deployed-jobs.ts';
import { seed } from './many-entities.ts';

const operations: Readonly<Record<string, string>> = {
  'POST /v1/migrations': 'start-migration',
  'GET /v1/migrations': 'list-migrations',
  'POST /v1/backups': 'start-backup',
  'GET /v1/backups': 'list-backups',
};

let jobs: DeployedJobs;
beforeAll(async () => {
  jobs = await deployJobs();
  await seed(jobs, { requests: 2, machinesOfEach: 2 });
});
afterAll(async () => {
  const problems = jobs.problems();
  await jobs[Symbol.asyncDispose]();
  expect(problems).toEqual([]);
});

describeJobs(() => ({
  between: { source_type: 'json', target_type: 'dynamodb', target_config: 'dev.json' },
  call: (method, path, body) => {
    const operation = operations[`${method} ${path}`];
    if (operation === undefined) return jobs.callApi('get-migration', { id: path.split('/').at(-1) ?? '' });
    return jobs.callApi(operation, body === undefined ? {} : { body });
  },
}));
