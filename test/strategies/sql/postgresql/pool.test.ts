import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import { UnsupportedOperationError } from '../../../../lib/repository/errors.ts';
import type { Repository } from '../../../../lib/repository/repository.ts';
import type { StorageRepository } from '../../../../lib/repository/storage-repository.ts';
import type { SqlStorageStrategy } from '../../../../lib/strategies/sql/sql-strategy.ts';
import { createDatabase, dropDatabase } from '../../../backends/test-database.ts';
import { rejection } from '../../../contract/rejection.ts';
import { request, saveTemplate } from '../../../contract/samples.ts';
import { unavailability } from './readable.ts';
import { openBehindProxy, openStore, type SqlSettings } from './store-behind-proxy.ts';

const sqlStrategy = ({ strategy }: StorageRepository) => strategy as SqlStorageStrategy;

const ONE: SqlSettings = { pool_size: 1, max_overflow: 0 };

interface Watched extends AsyncDisposable {
  readonly store: StorageRepository;
  readonly address: string;
  /** Process ids of the server, one for each connection of the store. */
  connections(): Promise<readonly number[]>;
  /** The state of each connection, such as `idle in transaction`. */
  states(): Promise<readonly string[]>;
}

/** A store with its own database, and the server's view of its connections. */
async function openWatched(settings: SqlSettings): Promise<Watched> {
  await using resources = new AsyncDisposableStack();
  const name = `hfstorage-pool-${randomUUID()}`;
  const address = await createDatabase(name);
  resources.defer(() => dropDatabase(name));
  const client = new pg.Client({ connectionString: address });
  await client.connect();
  resources.defer(() => client.end());
  const activity = async () => {
    const sql =
      "SELECT pid, state FROM pg_stat_activity WHERE application_name = 'hfstorage' AND datname = current_database() ORDER BY pid";
    return (await client.query<{ pid: number; state: string }>(sql)).rows;
  };
  const store = resources.use(await openStore(address, settings));
  const opened = resources.move();
  return {
    store,
    address,
    connections: async () => (await activity()).map(({ pid }) => pid),
    states: async () => (await activity()).map(({ state }) => state),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Transactions that hold their connections until they are released. */
async function hold(store: Repository, count: number): Promise<() => Promise<void>> {
  const end = Promise.withResolvers<void>();
  const begun: Promise<void>[] = [];
  const held = Array.from({ length: count }, () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    begun.push(promise);
    return store.transaction(async (tx) => {
      await tx.getEntity('templates', 'none');
      resolve();
      await end.promise;
    });
  });
  await Promise.race([Promise.all(begun), Promise.all(held)]);
  return async () => {
    end.resolve();
    await Promise.all(held);
  };
}

test('calls wait for a connection for pool_timeout, and then name the settings that matter', async () => {
  await using watched = await openWatched({ ...ONE, pool_timeout: 0.3 });
  const { store } = watched;
  const release = await hold(store, 1);
  const start = performance.now();
  const messages = await Promise.all(
    [store.getEntity('templates', 'a'), saveTemplate(store), store.transaction(async () => {})].map(
      async (call) => (await unavailability(call)).message,
    ),
  );
  for (const message of messages) {
    expect(message).toMatch(
      /All 1 connections .* were in use for 0\.3 s \(pool_timeout\).*raise pool_size or max_overflow/,
    );
  }
  expect(performance.now() - start).toBeLessThan(25_000);
  await release();
  await saveTemplate(store);
});

test('a call that gets its connection within pool_timeout succeeds', async () => {
  await using watched = await openWatched({ ...ONE, pool_timeout: 5 });
  const { store, connections } = watched;
  const release = await hold(store, 1);
  const waiting = Promise.all(Array.from({ length: 20 }, () => saveTemplate(store)));
  await sleep(50);
  await release();
  expect(await waiting).toHaveLength(20);
  expect(await connections()).toHaveLength(1);
});

/** `pool_size` connections stay, those beyond do not. */
async function closesIdleOverflow(): Promise<void> {
  await using watched = await openWatched({ pool_size: 2, max_overflow: 3, pool_timeout: 3 });
  const { store, connections } = watched;
  const release = await hold(store, 5);
  expect(await connections()).toHaveLength(5);
  await unavailability(store.health());
  await release();
  expect(await connections()).toHaveLength(5);
  const deadline = performance.now() + 150_000;
  while ((await connections()).length > 2 && performance.now() < deadline) await sleep(100);
  await sleep(500);
  expect(await connections()).toHaveLength(2);
  await store.health();
}

/** At `pool_recycle`, or once it is free. */
async function replacesOldConnections(): Promise<void> {
  await using watched = await openWatched({ ...ONE, pool_recycle: 1 });
  const { store, connections } = watched;
  await store.health();
  const first = await connections();
  const release = await hold(store, 1);
  await sleep(1500);
  expect(await connections()).toEqual(first);
  await release();
  await saveTemplate(store);
  const second = await connections();
  expect(second).not.toEqual(first);
  await sleep(1500);
  await saveTemplate(store);
  expect(await connections()).not.toEqual(second);
}

/** As after a night behind a firewall that has forgotten the connection. */
async function asksWhetherAnIdleConnectionIsAlive(): Promise<void> {
  await using behind = await openBehindProxy({ pool_timeout: 10 });
  const { store, proxy, direct } = behind;
  await store.health();
  proxy.hang();
  void proxy.cutAt({ type: 'startup', how: 'hang' }).then(() => proxy.resume());
  await sleep(5_100);
  const before = proxy.messages.length;
  await saveTemplate(store);
  const sent = proxy.messages.slice(before).filter(({ text }) => text !== undefined);
  expect(sent.map(({ connection, text }) => [connection, text?.split(' ')[0]])).toEqual([
    [1, 'SELECT'],
    [2, 'INSERT'],
  ]);
  expect(await direct.countEntities('templates')).toEqual({ count: 1 });
}

test('connections that are idle, old or forgotten by the network are closed or replaced', async () => {
  // Side by side: they wait most of the time.
  await Promise.all([closesIdleOverflow(), replacesOldConnections(), asksWhetherAnIdleConnectionIsAlive()]);
});

const failures: readonly (readonly [string, (store: StorageRepository) => Promise<unknown>])[] = [
  ['a refused write', (store) => store.updateEntity('templates', 'none', { name: 'Renamed' })],
  ['a missing parent', (store) => store.saveEntity('requests', request('none'))],
  ['a refused write in a transaction', (store) => store.transaction((tx) => tx.deleteEntity('templates', 'none'))],
  [
    'an error of the work itself',
    (store) =>
      store.transaction(async (tx) => {
        await saveTemplate(tx);
        await tx.countEntities('templates');
        throw new UnsupportedOperationError('This is not what the work is for.');
      }),
  ],
  ['a lock on what is no table', (store) => sqlStrategy(store).executeWithLock('SELECT * FROM nothing', [])],
  [
    'a statement that is stopped',
    (store) => sqlStrategy(store).executeWithLock('SELECT pg_sleep(9) FROM templates', []),
  ],
];

test('a failure of any kind releases its connection', async () => {
  await using watched = await openWatched({ ...ONE, pool_timeout: 1, timeout: 0.3 });
  const { store, states } = watched;
  await saveTemplate(store);
  for (const [name, call] of failures) {
    await rejection(call(store));
    expect([name, await states()]).toEqual([name, ['idle']]);
  }
  expect(await store.countEntities('templates')).toEqual({ count: 1 });
});

test('tables that change under open connections: their prepared statements are not used any more', async () => {
  await using watched = await openWatched({ pool_size: 3 });
  const { store, address } = watched;
  const { template_id: id } = await saveTemplate(store);
  const calls = [
    () => store.getEntity('templates', id),
    () => store.updateEntity('templates', id, { name: 'Renamed' }),
    () => store.transaction((tx) => tx.updateEntity('templates', id, { name: 'Renamed' })),
  ];
  await Promise.all(calls.map((call) => call()));
  const client = new pg.Client({ connectionString: address });
  await client.connect();
  await client.query('ALTER TABLE templates ALTER COLUMN name TYPE text COLLATE "C"');
  await client.end();
  await Promise.all(calls.map((call) => call()));
  expect((await store.getEntity('templates', id))?.version).toBe(5);
});
