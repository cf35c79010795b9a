/** The state machine of backups, run as it is deployed, by the API and by its schedule; the restore test and the watch. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type DeployedJobs, deployJobs } from './deployed-jobs.ts';
import type { Execution } from './execution.ts';
import { seed } from './many-entities.ts';
import { unusedGrants } from './unused-grants.ts';

const MACHINE = 'hostfactory-json-backup';

let jobs: DeployedJobs;
beforeAll(async () => {
  jobs = await deployJobs();
  await seed(jobs, { requests: 20, machinesOfEach: 50 });
});
afterAll(async () => {
  const problems = jobs.problems();
  await jobs[Symbol.asyncDispose]();
  expect(problems).toEqual([]);
});

async function call(name: string): Promise<unknown> {
  const outcome = await jobs.functionNamed(name).invoke({});
  return 'payload' in outcome ? JSON.parse(outcome.payload) : outcome;
}

async function backUp(id: string): Promise<Execution> {
  const { status } = await jobs.callApi('start-backup', { body: { backup_id: id } });
  expect(status).toBe(202);
  const execution = jobs.stepFunctions.execution(MACHINE, id);
  await execution.ended();
  return execution;
}

const listed = async () => (await jobs.callApi('list-backups')).body.items as { id: string; state: string }[];

test('without a backup, its age is ten years, and the restore test fails', async () => {
  expect(await call('measureage')).toEqual({ age_hours: 87_600 });
  expect(await call('testrestore')).toMatchObject({ functionError: { errorType: 'BackupError' } });
});

test('a backup that the API starts is listed, recent, and can be restored', async () => {
  const execution = await backUp('by-hand');
  expect([execution.status, execution.error?.message]).toEqual(['SUCCEEDED', undefined]);
  expect(await listed()).toMatchObject([
    { id: 'by-hand', state: 'complete', consistent: true, entities: { templates: 5, requests: 20, machines: 1000 } },
  ]);
  expect((await call('measureage')) as { age_hours: number }).toEqual({ age_hours: expect.any(Number) });
  expect(jobs.functionNamed('measureage').log).toContain('"BackupAgeHours"');
  expect(await call('testrestore')).toEqual({ backup_id: 'by-hand', restored: 1025, skipped: 0 });
});

test('the same backup again is not taken again', async () => {
  const before = jobs.calls.get('BackUpMomentUnit');
  await backUp('by-hand');
  expect(jobs.calls.get('BackUpMomentUnit')).toBe(before);
});

test('a second backup waits until the first has ended', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const order: string[] = [];
  jobs.disturb = async (state, go) => {
    if (state === 'BackUpMomentUnit' && jobs.calls.get(state) === 2) await promise;
    if (state === 'Last') order.push(state);
    return go();
  };
  jobs.calls.clear();
  jobs.calls.set('BackUpMomentUnit', 1);
  expect((await jobs.callApi('start-backup', { body: { backup_id: 'first' } })).body).toMatchObject({ id: 'first' });
  expect((await jobs.callApi('start-backup', { body: { backup_id: 'second' } })).status).toBe(202);
  const statesOf = async () => Object.fromEntries((await listed()).map(({ id, state }) => [id, state]));
  while ((await statesOf()).first !== 'running') await sleep(100);
  await sleep(500);
  expect(await statesOf()).toMatchObject({ first: 'running', second: 'waiting' });
  expect((await jobs.callApi('start-backup', { body: { backup_id: 'first' } })).status).toBe(202);
  resolve();
  for (const id of ['first', 'second']) {
    expect(await jobs.stepFunctions.execution(MACHINE, id).ended()).toBe('SUCCEEDED');
  }
  expect(await statesOf()).toMatchObject({ first: 'complete', second: 'complete' });
  jobs.disturb = (_, go) => go();
});

test('the schedule starts executions with the ids of their backups', async () => {
  const [schedule] = jobs.stacks
    .ofType('AWS::Scheduler::Schedule')
    .map(({ properties }) => properties.Target as { Arn: string; Input?: string })
    .filter(({ Input = '' }) => Input.includes('backup_id'));
  expect(schedule?.Arn).toBe('arn:aws:scheduler:::aws-sdk:sfn:startExecution');
  // EventBridge Scheduler fills in its context of the call.
  const { StateMachineArn, Name, Input } = JSON.parse(
    (schedule?.Input ?? '').replaceAll('<aws.scheduler.execution-id>', 'd32c5kddcf5bb8c3'),
  );
  jobs.stepFunctions.start(StateMachineArn, Name, JSON.parse(Input));
  expect(await jobs.stepFunctions.execution(MACHINE, 'scheduled-backup-d32c5kddcf5bb8c3').ended()).toBe('SUCCEEDED');
  expect((await listed()).map(({ id }) => id)).toEqual([
    'scheduled-backup-d32c5kddcf5bb8c3',
    'second',
    'first',
    'by-hand',
  ]);
});

test('a task that fails twice is retried; a permanent failure fails the execution, which can be redriven', async () => {
  let failures = 2;
  jobs.disturb = (_, go) => (failures-- > 0 ? Promise.reject(new Error('broken')) : go());
  expect((await backUp('patient')).status).toBe('SUCCEEDED');
  jobs.disturb = (state, go) => (state === 'Last' ? Promise.reject(new Error('broken')) : go());
  const execution = await backUp('failing');
  expect([execution.status, execution.error?.name]).toEqual(['FAILED', 'JobFailedError']);
  expect((await listed()).find(({ id }) => id === 'failing')).toMatchObject({ state: 'complete' });
  jobs.disturb = (_, go) => go();
  execution.redrive();
  expect(await execution.ended()).toBe('SUCCEEDED');
});

test('backups beyond the retention are removed: seven of one day are kept', async () => {
  for (let i = 0; i < 5; i++) await backUp(`daily-${i}`);
  const ids = (await listed()).map(({ id }) => id);
  expect(ids).toHaveLength(7);
  expect(ids).not.toContain('by-hand');
});

test('while one runs it is listed as running', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  jobs.disturb = async (state, go) => {
    const answer = await go();
    if (state === 'TakeTurn') await promise;
    return answer;
  };
  const { body } = await jobs.callApi('start-backup', { body: { backup_id: 'running' } });
  expect(body).toMatchObject({ id: 'running' });
  const state = async () => (await listed()).find(({ id }) => id === 'running')?.state;
  while ((await state()) !== 'running') await sleep(50);
  resolve();
  expect(await jobs.stepFunctions.execution(MACHINE, 'running').ended()).toBe('SUCCEEDED');
});

test('what the functions of backups may do they have done above, or there is a reason', () => {
  expect(unusedGrants(jobs, /-backup-(?!.*backupbackup(?!moment))/)).toEqual([]);
});
