/** Provisioning more machines than DynamoDB commits at once: a reader of the request sees all or nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { StorageUnavailableError, TemplateNotFoundError } from '../../../lib/repository/errors.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import type { ProvisionBody } from '../../../lib/service/http/body-schemas.ts';
import { provision } from '../../../lib/service/operations/provision.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { withRetries } from '../../../lib/transfer/retry.ts';
import { rejection } from '../../contract/rejection.ts';
import { newId, request, saveTemplate } from '../../contract/samples.ts';
import { isTrial, rounds, seededRandom, seedTitle } from '../../trials.ts';
import { failing, openBehindFaults, type StoreBehindFaults } from './faulty-dynamodb.ts';

/** Exit code after SIGKILL. */
const ROUNDS = rounds(40);
const random = seededRandom();

/** More than DynamoDB commits at once. */
const MANY = isTrial ? 1000 : 240;
/** So many that a process is still at work when it is killed. */
const MANY_FOR_KILLS = 1000;

const PROGRAM = join(import.meta.dirname, 'provision-process.ts');

let behind: StoreBehindFaults;
let order: ProvisionBody & { request_id: string };
beforeAll(async () => {
  behind = await openBehindFaults({ timeout: 5 }, { enforceReferences: true });
});
afterAll(async () => behind[Symbol.asyncDispose]());
beforeEach(async () => {
  behind.faults.heal();
  const { template_id } = await saveTemplate(behind.direct, { max_number: -1 });
  order = { template_id, machine_count: MANY, request_id: newId('order') };
});

const seen = (repository: Repository) => repository.getEntity('requests', order.request_id);

/** Versions of the request's machines, as numbers of machines by version. */
async function machines(repository: Repository): Promise<Record<number, number>> {
  const filters = { request_id: order.request_id };
  const { items, nextCursor } = await repository.queryEntities('machines', { filters, limit: MANY_FOR_KILLS });
  expect(nextCursor).toBeUndefined();
  return Object.fromEntries(
    [...Map.groupBy(items, ({ version }) => version)].map(([version, all]) => [version, all.length]),
  );
}

const complete = { 1: MANY };
const completeAfterKill = { 1: MANY_FOR_KILLS };

test('a reader sees the request only once all machines exist', async () => {
  const { store, direct } = behind;
  let done = false;
  const call = provision(store, order).finally(() => {
    done = true;
  });
  while (!done) {
    if ((await seen(direct)) !== undefined) expect(await machines(direct)).toEqual(complete);
  }
  const { created, request: stored } = await call;
  expect(created).toBe(true);
  expect(stored).toEqual(await seen(direct));
  expect(await machines(direct)).toEqual(complete);
});

test.each([2, 3])(
  '%i same calls at the same moment: one creates, the others find it, nothing is doubled',
  async (n) => {
    const { store, direct } = behind;
    const repositories = [store, direct, store].slice(0, n);
    // On a busy machine the others may be told to try again while the first is still at work.
    const calls = await Promise.all(repositories.map((repository) => withRetries(() => provision(repository, order))));
    expect(calls.filter(({ created }) => created)).toHaveLength(1);
    for (const { request: stored } of calls) expect(stored).toEqual(await seen(direct));
    expect(await machines(direct)).toEqual(complete);
  },
);

test('concurrent other calls with the same id are refused', async () => {
  const { store, direct } = behind;
  const other = { ...order, machine_count: MANY / 2 };
  const outcomes = await Promise.allSettled([provision(store, order), provision(direct, other)]);
  const won = outcomes.findIndex(({ status }) => status === 'fulfilled');
  const lost = outcomes[1 - won] as PromiseRejectedResult;
  expect(['storage_unavailable', 'request_differs']).toContain(lost.reason.code);
  expect(await machines(direct)).toEqual({ 1: [order, other][won]?.machine_count });
});

/** Starts a process that provisions, and kills it some time after its start. */
async function killedAfter(milliseconds: number): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', PROGRAM, JSON.stringify(config()), JSON.stringify(order)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  await sleep(milliseconds);
  child.kill('SIGKILL');
  await closed;
}

const config = () => ({ storage: { strategy: 'dynamodb' as const, dynamodb_strategy: behind.settings } });

/** An unfinished creation, as left by a process that dies at some machine. */
async function interruptedAt(count: number): Promise<void> {
  const { faults, settings } = behind;
  let put = 0;
  faults.on(
    ({ operation }) => operation === 'PutItem' && ++put > count,
    async () => failing('AccessDeniedException'),
  );
  await using repository = await openRepository({
    storage: { strategy: 'dynamodb', dynamodb_strategy: settings },
  });
  await rejection(provision(repository, order));
  faults.heal();
}

test(`killed at any moment and repeated, it exists once (${seedTitle})`, async () => {
  const { direct } = behind;
  let unfinished = 0;
  for (let round = 0; round < ROUNDS; round++) {
    order = { ...order, request_id: newId('killed'), machine_count: MANY_FOR_KILLS };
    await killedAfter(20 + random() * 600);
    const before = await seen(direct);
    if (before === undefined) unfinished += 1;
    else expect(await machines(direct)).toEqual(completeAfterKill);
    await using again = await openRepository(config());
    const { created } = await provision(again, order);
    expect(created).toBe(before === undefined);
    expect((await seen(direct))?.version).toBe(1);
    expect(await machines(direct)).toEqual(completeAfterKill);
  }
  expect(unfinished).toBeGreaterThan(0);
});

describe('a creation that was interrupted and is never repeated', () => {
  beforeEach(() => interruptedAt(MANY / 2));

  test('is invisible', async () => {
    const { direct } = behind;
    expect(await seen(direct)).toBeUndefined();
    const filters = { template_id: order.template_id };
    expect((await direct.queryEntities('requests', { filters })).items).toEqual([]);
    expect(await direct.countEntities('requests', { filters })).toEqual({ count: 0 });
    expect((await direct.getEntities('requests', [order.request_id, 'none'])).items).toEqual([]);
    const { items } = await behind.store.strategy.scan('requests', { segment: 0, segments: 1, limit: 10_000 });
    expect(items.filter(({ request_id }) => request_id === order.request_id)).toEqual([]);
  });

  const other = () => request(order.template_id, { request_id: order.request_id });
  const writes: [string, (repository: Repository) => Promise<unknown>][] = [
    ['saveEntity', (repository) => repository.saveEntity('requests', other())],
    ['saveEntity of a new one', (repository) => repository.saveEntity('requests', other(), { expectedVersion: 0 })],
    ['createTogether', (repository) => repository.createTogether([{ collection: 'requests', entity: other() }])],
    ['transaction', (repository) => repository.transaction((tx) => tx.saveEntity('requests', other()))],
    ['a small order', (repository) => provision(repository, { ...order, machine_count: 3 })],
    ['a large order', (repository) => provision(repository, { ...order, machine_count: 300 })],
  ];
  test.each(writes)(
    '%s under its id is refused at once, and the first call can still be sent again',
    async (_, write) => {
      const { direct } = behind;
      const started = performance.now();
      const error = await rejection(write(direct));
      expect(performance.now() - started).toBeLessThan(25_000);
      expect(error).toBeInstanceOf(StorageUnavailableError);
      expect(error.message).toContain('is being created together with others');
      expect(await seen(direct)).toBeUndefined();
      expect((await provision(direct, order)).created).toBe(true);
      expect(await machines(direct)).toEqual(complete);
    },
  );

  test('an update or a deletion finds nothing', async () => {
    const { direct } = behind;
    const missing = { code: 'entity_not_found' };
    await expect(direct.updateEntity('requests', order.request_id, { status: 'DONE' })).rejects.toMatchObject(missing);
    await expect(direct.deleteEntity('requests', order.request_id)).rejects.toMatchObject(missing);
  });
});

test('a template that is deleted in the middle: refused, and nothing remains', async () => {
  const { store, faults, direct } = behind;
  let put = 0;
  faults.on(
    ({ operation }) => operation === 'PutItem' && ++put === MANY / 2,
    async (_, forward) => {
      await direct.deleteEntity('templates', order.template_id).catch(() => removeTemplate());
      return forward();
    },
  );
  expect(await rejection(provision(store, order))).toBeInstanceOf(TemplateNotFoundError);
  expect(await seen(direct)).toBeUndefined();
  expect(await machines(direct)).toEqual({});
});

/** Deletes the template although machines refer to it, as another program may. */
async function removeTemplate(): Promise<void> {
  await using careless = await openRepository({
    storage: { strategy: 'dynamodb', enforce_references: false, dynamodb_strategy: behind.settings },
  });
  await careless.deleteEntity('templates', order.template_id);
}

test('permanent throttling in the middle: StorageUnavailableError, and it can be repeated', async () => {
  const { faults, direct, settings } = behind;
  // The SDK's adaptive retries are slow by intention.
  const dynamodb_strategy = { ...settings, max_attempts: 1 };
  await using store = await openRepository({ storage: { strategy: 'dynamodb', dynamodb_strategy } });
  let put = 0;
  faults.on(
    ({ operation }) => operation === 'PutItem' && ++put > MANY / 2,
    async () => failing('ThrottlingException'),
  );
  expect(await rejection(provision(store, order))).toBeInstanceOf(StorageUnavailableError);
  faults.heal();
  expect(await seen(direct)).toBeUndefined();
  expect((await provision(direct, order)).created).toBe(true);
  expect(await machines(direct)).toEqual(complete);
});

test('every answer is lost', async () => {
  const { store, faults, direct } = behind;
  // The first answer to every fiftieth write, not to its repetitions.
  const writes = new Set<string>();
  const isNew = (input: object): boolean => writes.size < writes.add(JSON.stringify(input)).size;
  faults.on(
    ({ operation, input }) =>
      ['PutItem', 'TransactWriteItems'].includes(operation) && isNew(input) && writes.size % 50 === 1,
    async (_, forward) => {
      await forward();
      return 'drop';
    },
  );
  expect((await provision(store, order)).created).toBe(true);
  expect(await machines(direct)).toEqual(complete);
});
