/** Migrations that are stopped, fail and are redriven: finished work is kept, and operators learn why it failed. */
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { readRecord } from '../../../lib/migration/record.ts';
import { openLocation } from '../../../lib/objects/open-location.ts';
import { type DeployedJobs, deployJobs } from './deployed-jobs.ts';
import { empty, seed, textsOf } from './many-entities.ts';

let jobs: DeployedJobs;
let source: string[];
beforeAll(async () => {
  jobs = await deployJobs();
  await seed(jobs, { requests: 10, machinesOfEach: 20 });
  source = await textsOf(jobs.openOwn);
});
beforeEach(async () => {
  await empty(jobs.openPeer);
  jobs.disturb = (_, call) => call();
  jobs.calls.clear();
});
afterAll(async () => {
  const problems = jobs.problems();
  await jobs[Symbol.asyncDispose]();
  expect(problems).toEqual([]);
});

const jobOf = async (id: string) => (await jobs.callApi('get-migration', { id })).body;
const reportOf = async (id: string) =>
  (await readRecord(await openLocation(`${jobs.backups}/state`, jobs.s3), id))?.report;

test('one that is stopped half way resumes there', async () => {
  jobs.disturb = async (state, call) => {
    // Templates, requests, then machines.
    if (state === 'CopyUnit' && jobs.calls.get(state) === 3) {
      jobs.stepFunctions.execution('hostfactory-json-migration', 'stopped').abort();
    }
    return call();
  };
  const execution = await jobs.migrate({ migration_id: 'stopped' });
  expect(execution.status).toBe('ABORTED');
  expect(await jobOf('stopped')).toMatchObject({ state: 'interrupted', collections: { requests: { copied: 10 } } });
  jobs.disturb = (_, call) => call();
  execution.redrive();
  expect([await execution.ended(), execution.error?.message]).toEqual(['SUCCEEDED', undefined]);
  expect(jobs.calls.get('CopyUnit')).toBe(4);
  expect(await textsOf(jobs.openPeer)).toEqual(source);
});

test('one that fails reports why, each time, and copies nothing twice once the cause is removed', async () => {
  const dynamodb = new DynamoDBClient({
    endpoint: process.env.HFSTORAGE_TEST_DYNAMODB_ENDPOINT as string,
    region: 'us-east-1',
  });
  // A foreign table in place of ours: unlike a missing table, waiting does not help.
  const table = { TableName: 'hostfactory_machines' };
  jobs.disturb = async (state, call) => {
    if (state === 'CopyUnit' && jobs.calls.get(state) === 3) {
      await dynamodb.send(new DeleteTableCommand(table));
      await dynamodb.send(
        new CreateTableCommand({
          ...table,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        }),
      );
    }
    return call();
  };
  const told = jobs.topic.messages.length;
  const execution = await jobs.migrate({ migration_id: 'failing' });
  expect([execution.status, execution.error?.name]).toEqual(['FAILED', 'JobFailedError']);
  const { state, failure } = await jobOf('failing');
  expect([state, failure]).toEqual([
    'failed',
    expect.stringContaining('One of the required keys was not given a value'),
  ]);
  expect(jobs.topic.messages.slice(told)).toMatchObject([
    { subject: 'Migration failing has failed', text: expect.stringContaining('then redrive the execution failing') },
  ]);

  // Redriven while the foreign table still exists, it fails again instead of looping.
  execution.redrive();
  expect(await execution.ended()).toBe('FAILED');
  expect(jobs.topic.messages).toHaveLength(told + 2);

  // Reopening creates the table. Entities that a unit had copied to it are gone, which only a comparison reveals.
  await dynamodb.send(new DeleteTableCommand(table));
  await using peer = await jobs.openPeer();
  await peer.strategy.writeEach([[{ kind: 'delete', collection: 'templates', id: 'template-0', unreferencedBy: [] }]]);
  execution.redrive();
  expect([await execution.ended(), execution.error?.message]).toEqual(['SUCCEEDED', undefined]);
  expect(execution.redriveCount).toBe(2);
  expect(await reportOf('failing')).toMatchObject({
    outcome: 'succeeded',
    collections: { templates: { copied: 5 }, machines: { copied: 200 } },
    validation: { repaired: 1 },
  });
  expect(await textsOf(jobs.openPeer)).toEqual(source);
  expect((await jobOf('failing')).failure).toBeUndefined();
  dynamodb.destroy();
});

test.each(['ExamineUnit', 'DigestUnit'])('one that fails in %s compares anew', async (failing) => {
  const id = `failing-in-${failing}`;
  let wanted = failing === 'DigestUnit' ? 20 : 1;
  jobs.disturb = async (state, call) => {
    if (state === 'DigestUnit' && jobs.calls.get(state) === 1) {
      await using peer = await jobs.openPeer();
      await peer.strategy.writeEach([
        [{ kind: 'delete', collection: 'machines', id: 'machine-7', unreferencedBy: [] }],
      ]);
    }
    const answer = await call();
    if (state === failing && --wanted === 0) throw Object.assign(new Error('broken'), { name: 'MigrationError' });
    return answer;
  };
  const execution = await jobs.migrate({ migration_id: id });
  expect(execution.status).toBe('FAILED');
  execution.redrive();
  expect([await execution.ended(), execution.error?.message]).toEqual(['SUCCEEDED', undefined]);
  expect(await reportOf(id)).toMatchObject({ outcome: 'succeeded', validation: { repaired: 1 } });
  expect(await textsOf(jobs.openPeer)).toEqual(source);
});

test('one with a target that is not empty is not started', async () => {
  await seed({ openOwn: jobs.openPeer }, { requests: 1, machinesOfEach: 1 });
  const execution = await jobs.migrate({ migration_id: 'not-empty' });
  expect(execution.status).toBe('FAILED');
  expect(jobs.calls.get('WhatIsNext')).toBe(1);
  expect(await jobOf('not-empty')).toMatchObject({ state: 'failed', failure: expect.stringContaining('is not empty') });
});

test('one that fails after the cleanup has begun does not report removed entities as differences', async () => {
  jobs.disturb = async (state, call) => {
    const answer = await call();
    if (state === 'CleanUpUnit' && jobs.calls.get(state) === 2) {
      throw Object.assign(new Error('broken'), { name: 'MigrationError' });
    }
    return answer;
  };
  const execution = await jobs.migrate({ migration_id: 'cleaned', cleanup_source: true });
  expect(execution.status).toBe('FAILED');
  execution.redrive();
  expect([await execution.ended(), execution.error?.message]).toEqual(['SUCCEEDED', undefined]);
  expect(await reportOf('cleaned')).toMatchObject({ outcome: 'succeeded', removed: 215 });
  expect(await textsOf(jobs.openOwn)).toEqual([]);
  expect(await textsOf(jobs.openPeer)).toEqual(source);
});
