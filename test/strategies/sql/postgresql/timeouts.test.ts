import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import type { Repository, Transaction } from '../../../../lib/repository/repository.ts';
import { saveAll, saveTemplate, template } from '../../../contract/samples.ts';
import { unavailability } from './readable.ts';
import { connectTo, openBehindProxy } from './store-behind-proxy.ts';

const TIMEOUT = 0.3;

/** Another program that holds the lock of a row until it releases it. */
async function lockTemplate(address: string, id: string): Promise<AsyncDisposable> {
  const client = await connectTo(address);
  await client.query('BEGIN');
  await client.query('SELECT FROM templates WHERE template_id = $1 FOR UPDATE', [id]);
  return client;
}

const writes: readonly (readonly [string, (store: Repository, id: string) => Promise<unknown>])[] = [
  ['updateEntity', (store, id) => store.updateEntity('templates', id, { name: 'Renamed' })],
  ['saveEntity', (store, id) => store.saveEntity('templates', template({ template_id: id }))],
  ['deleteEntity', (store, id) => store.deleteEntity('templates', id)],
  ['saveEntities', (store, id) => saveAll(store, 'templates', [template(), template({ template_id: id })])],
  ['a transaction', (store, id) => store.transaction((tx) => tx.updateEntity('templates', id, { name: 'Renamed' }))],
];

test.each(writes)('%s that waits for a lock of another program ends with the timeout', async (_, write) => {
  await using behind = await openBehindProxy({ timeout: TIMEOUT });
  const { store, direct, address } = behind;
  const saved = await saveTemplate(direct);
  const id = saved.template_id;
  const lock = await lockTemplate(address, id);
  const { message } = await unavailability(write(store, id));
  expect(message).toMatch(/took longer than timeout.*Nothing of it was stored/);
  await lock[Symbol.asyncDispose]();
  expect(await direct.getEntity('templates', id)).toEqual(saved);
  expect(await direct.countEntities('templates')).toEqual({ count: 1 });
  await write(store, id);
});

test('two transactions that wait for each other: both commit', async () => {
  await using behind = await openBehindProxy({ pool_size: 2, pool_timeout: 60 });
  const { store, direct, address } = behind;
  const one = (await saveTemplate(direct)).template_id;
  const two = (await saveTemplate(direct)).template_id;
  await using admin = await connectTo(address);
  await admin.query(`ALTER DATABASE ${pg.escapeIdentifier(String(admin.database))} SET deadlock_timeout = '50ms'`);
  // For connections opened from now on.
  behind.proxy.cut();
  await store.health();
  let arrived = 0;
  const both = Promise.withResolvers<void>();
  const count = (tx: Transaction, id: string) => tx.updateEntity('templates', id, { max_number: 11 + arrived });
  const inOrder = (first: string, second: string) =>
    store.transaction(async (tx) => {
      await count(tx, first);
      // A query sends the writes before it, and the rows are locked.
      await tx.countEntities('requests');
      arrived += 1;
      if (arrived === 2) both.resolve();
      await both.promise;
      await count(tx, second);
    });
  await Promise.all([inOrder(one, two), inOrder(two, one)]);
  expect(arrived).toBe(3);
  const { items } = await direct.getEntities('templates', [one, two]);
  expect(items.map(({ version }) => version)).toEqual([3, 3]);
  const deadlocks = async (): Promise<number> => {
    const sql = 'SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()';
    return (await admin.query<{ deadlocks: number }>(sql)).rows[0]?.deadlocks ?? 0;
  };
  // Each process of the server adds what it has counted when it ends a transaction, once a second.
  while ((await deadlocks()) === 0) await Promise.all([store.health(), store.health(), sleep(50)]);
  expect(await deadlocks()).toBe(1);
});

test.each([
  ['and then goes on', true],
  ['and then ends', false],
])(
  'a transaction whose own work takes longer than the timeout %s: the error says so, and nothing is stored',
  async (_, on) => {
    await using behind = await openBehindProxy({ timeout: TIMEOUT });
    const { store, direct } = behind;
    const { message } = await unavailability(
      store.transaction(async (tx) => {
        await tx.saveEntity('templates', template());
        await sleep(TIMEOUT * 1000 + 200);
        if (on) await tx.countEntities('templates');
      }),
    );
    expect(message).toMatch(/timeout/);
    expect(message).toMatch(/Nothing was stored/);
    expect(await direct.countEntities('templates')).toEqual({ count: 0 });
    await saveTemplate(store);
  },
);
