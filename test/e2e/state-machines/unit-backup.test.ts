/** A backup of DynamoDB, which has no snapshots: in units, by as many tasks as necessary. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findBackup } from '../../../lib/backup/find-backup.ts';
import { verifyBackup } from '../../../lib/backup/read-backup.ts';
import { openLocation } from '../../../lib/objects/open-location.ts';
import { type DeployedJobs, deployJobs } from './deployed-jobs.ts';
import { seed } from './many-entities.ts';
import { unusedGrants } from './unused-grants.ts';

let jobs: DeployedJobs;
beforeAll(async () => {
  jobs = await deployJobs('dev');
  await seed(jobs, { requests: 20, machinesOfEach: 50 });
});
afterAll(async () => {
  const problems = jobs.problems();
  await jobs[Symbol.asyncDispose]();
  expect(problems).toEqual([]);
});

test('a redrive repeats failed units but not finished ones, and leaves none of their state behind', async () => {
  jobs.disturb = async (_, call) => {
    if (jobs.calls.get('BackUpUnit') === 7) throw Object.assign(new Error('broken'), { name: 'ConfigurationError' });
    return call();
  };
  await jobs.callApi('start-backup', { body: { backup_id: 'units' } });
  const execution = jobs.stepFunctions.execution('hostfactory-dev-backup', 'units');
  expect(await execution.ended()).toBe('FAILED');
  const summary = (await jobs.callApi('list-backups')).body.items;
  expect(summary).toMatchObject([
    { id: 'units', state: 'failed', failure: expect.stringContaining('tolerated failure threshold') },
  ]);
  jobs.disturb = (_, call) => call();
  execution.redrive();
  expect([await execution.ended(), execution.error?.message]).toEqual(['SUCCEEDED', undefined]);
  const location = await openLocation(`${jobs.backups}/backups`, jobs.s3);
  const manifest = await findBackup(location, 'units');
  await verifyBackup(location, manifest);
  const { templates, requests, machines } = manifest.collections;
  expect([templates.entities, requests.entities, machines.entities]).toEqual([5, 20, 1000]);
  const states = await openLocation(`${jobs.backups}/state`, jobs.s3);
  expect(await states.listDeep('backups')).toEqual([]);
  const outcome = await jobs.functionNamed('testrestore').invoke({});
  expect('payload' in outcome && JSON.parse(outcome.payload)).toMatchObject({ backup_id: 'units', restored: 1025 });
});

test('without another store, a migration is refused, and its functions may access no store', async () => {
  const { status } = await jobs.callApi('start-migration', {
    body: { source_type: 'dynamodb', target_type: 'dynamodb' },
  });
  expect(status).toBe(409);
  const granted = unusedGrants(jobs, /-migration-/).filter((grant) => grant.includes('dynamodb:'));
  expect(granted).toEqual([]);
});

test('what the functions of backups may do they have done above, or there is a reason', () => {
  expect(unusedGrants(jobs, /-backup-.*(backupnext|backupbackup(?!moment))/)).toEqual([]);
});
