/** The state machine of migrations, run as deployed: two thousand entities from JSON on S3 to DynamoDB. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { readRecord } from '../../../lib/migration/record.ts';
import { openLocation } from '../../../lib/objects/open-location.ts';
import { type DeployedJobs, deployJobs } from './deployed-jobs.ts';
import type { Execution } from './execution.ts';
import { empty, entitiesOf, seed, textsOf } from './many-entities.ts';
import { unusedGrants } from './unused-grants.ts';

let jobs: DeployedJobs;
beforeAll(async () => {
  jobs = await deployJobs();
  await seed(jobs, { requests: 40, machinesOfEach: 50 });
});
beforeEach(async () => {
  jobs.disturb = (_, call) => call();
  jobs.calls.clear();
  await empty(jobs.openPeer);
});
afterAll(async () => {
  await jobs[Symbol.asyncDispose]();
});

const reportOf = async (id: string) =>
  (await readRecord(await openLocation(`${jobs.backups}/state`, jobs.s3), id))?.report;

const succeeded = ({ status, error }: Execution): void => {
  expect([status, error?.message, jobs.problems()]).toEqual(['SUCCEEDED', undefined, []]);
};

/** Before the first comparison: the target has a missing, a different and an extra entity. */
function tamper(): void {
  jobs.disturb = async (state, call) => {
    if (state === 'DigestUnit' && jobs.calls.get(state) === 1) {
      await using peer = await jobs.openPeer();
      const [, found] = await peer.strategy.get('machines', ['machine-7', 'machine-8']);
      await peer.strategy.writeEach([
        [{ kind: 'delete', collection: 'machines', id: 'machine-7', unreferencedBy: [] }],
      ]);
      await peer.strategy.load('machines', [{ ...found, status: 'LOST' } as never], { over: 'same' });
      const [extra] = entitiesOf({ requests: 1, machinesOfEach: 1 }).machines;
      await peer.strategy.load('machines', [{ ...extra, machine_id: 'extra' } as never]);
    }
    return call();
  };
}

test('a migration with a task that fails twice copies, compares, backs up and reports', async () => {
  const trouble = ['lost answer', 'no capacity'];
  jobs.disturb = async (state, call) => {
    if (state !== 'CopyUnit' || (jobs.calls.get(state) ?? 0) < 3) return call();
    const what = trouble.shift();
    if (what === undefined) return call();
    // Once after the work was done, once before it was started.
    if (what === 'lost answer') await call();
    throw Object.assign(new Error(what), { name: 'Lambda.TooManyRequestsException' });
  };
  const execution = await jobs.migrate({ migration_id: 'm-1' });
  succeeded(execution);
  expect(trouble).toEqual([]);
  // Templates, requests, and machines three times.
  expect(jobs.calls.get('CopyUnit')).toBe(5);
  expect(await textsOf(jobs.openPeer)).toEqual(await textsOf(jobs.openOwn));
  const { body } = await jobs.callApi('get-migration', { id: 'm-1' });
  expect(body).toMatchObject({
    id: 'm-1',
    state: 'succeeded',
    backup: expect.stringMatching(/^s3:.*\/migration-backups\/before-m-1$/),
    collections: {
      templates: { read: 5, copied: 5, skipped: 0 },
      requests: { read: 40, copied: 40, skipped: 0 },
      machines: { read: 2000, copied: 2000, skipped: 0 },
    },
  });
  expect(jobs.topic.messages).toMatchObject([{ subject: 'Migration m-1 has succeeded' }]);
});

test('no state has more than a few KB, whatever the number of entities', async () => {
  const { payloads } = await jobs.migrate({ create_backup: false, parallel_workers: 4 });
  expect(payloads.length).toBeGreaterThan(100);
  expect(payloads.filter(({ bytes }) => bytes > 4096)).toEqual([]);
});

test('the maximum number of workers stays far below the 256 KB of Step Functions', async () => {
  jobs.disturb = async (state, call) => {
    if (state === 'DigestUnit') jobs.stepFunctions.execution('hostfactory-json-migration', 'wide').abort();
    return call();
  };
  const { payloads } = await jobs.migrate({ migration_id: 'wide', parallel_workers: 64 });
  const largest = Math.max(...payloads.map(({ bytes }) => bytes));
  expect(largest).toBeGreaterThan(10_000);
  expect(largest).toBeLessThan(64_000);
});

test('differing entities are copied again, and extra ones are removed on request', async () => {
  tamper();
  const execution = await jobs.migrate({ migration_id: 'repaired', delete_extra: true, create_backup: false });
  succeeded(execution);
  expect(execution.output).toEqual({ outcome: 'succeeded' });
  expect(await reportOf('repaired')).toMatchObject({ outcome: 'succeeded', validation: { repaired: 3 } });
  expect(await textsOf(jobs.openPeer)).toEqual(await textsOf(jobs.openOwn));
});

test('otherwise extra entities are differences, and nothing is cleaned up', async () => {
  tamper();
  const before = await textsOf(jobs.openOwn);
  const execution = await jobs.migrate({ migration_id: 'differing', cleanup_source: true, create_backup: false });
  succeeded(execution);
  expect(execution.output).toEqual({ outcome: 'differences' });
  const { body } = await jobs.callApi('get-migration', { id: 'differing' });
  expect(body).toMatchObject({ state: 'differences', differences: { extra: 1, missing: 0, different: 0 } });
  expect(jobs.calls.has('CleanUpUnit')).toBe(false);
  expect(await textsOf(jobs.openOwn)).toEqual(before);
  expect(jobs.topic.messages.at(-1)?.subject).toBe('Migration differing has ended with differences');
});

test('while one runs, its progress is visible; the same call again starts nothing, another one is refused', async () => {
  const seen: unknown[] = [];
  const body = { migration_id: 'watched', create_backup: false, source_type: 'json', target_type: 'dynamodb' };
  const again = { body: { ...body, target_config: 'dev.json' } };
  jobs.disturb = async (state, call) => {
    if (state === 'CopyUnit' && jobs.calls.get(state) === 3) {
      const other = { body: { ...again.body, merge: true } };
      seen.push((await jobs.callApi('get-migration', { id: 'watched' })).body);
      seen.push((await jobs.callApi('start-migration', again)).status);
      seen.push((await jobs.callApi('start-migration', other)).status);
    }
    return call();
  };
  succeeded(await jobs.migrate({ migration_id: 'watched', create_backup: false }));
  expect(seen).toEqual([
    expect.objectContaining({
      state: 'running',
      collections: {
        templates: { read: 5, copied: 5, skipped: 0, total: 5 },
        requests: { read: 40, copied: 40, skipped: 0, total: 40 },
        machines: { read: 0, copied: 0, skipped: 0, total: 2000 },
      },
    }),
    202,
    409,
  ]);
  const listed = await jobs.callApi('list-migrations');
  const items = listed.body.items as { id: string; state: string }[];
  expect(items.find(({ id }) => id === 'watched')).toMatchObject({ state: 'succeeded' });
  expect(items.length).toBeGreaterThanOrEqual(5);
});

test('a cleanup leaves an empty source', async () => {
  const before = await textsOf(jobs.openOwn);
  succeeded(await jobs.migrate({ migration_id: 'moved', cleanup_source: true }));
  expect(await reportOf('moved')).toMatchObject({ removed: 2045 });
  expect(await textsOf(jobs.openOwn)).toEqual([]);
  expect(await textsOf(jobs.openPeer)).toEqual(before);
});

test('a call without the other store is refused', async () => {
  const body = { source_type: 'json', target_type: 'json' };
  const { status, body: problem } = await jobs.callApi('start-migration', { body });
  expect([status, problem.detail]).toEqual([409, expect.stringContaining('are the same store')]);
});

test('every grant of the migration functions was used above or has a reason', () => {
  expect(unusedGrants(jobs, /-migration-/)).toEqual([]);
});
