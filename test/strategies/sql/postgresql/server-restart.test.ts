import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { StorageRepository } from '../../../../lib/repository/storage-repository.ts';
import { startCuttingProxy } from '../../../backends/cutting-proxy.ts';
import { type OwnPostgresql, startOwnPostgresql } from '../../../backends/postgresql.ts';
import { saveAll, template } from '../../../contract/samples.ts';
import { unavailability } from './readable.ts';
import { openStore } from './store-behind-proxy.ts';

let server: OwnPostgresql;

// A long delay keeps the ids of transactions that did not commit from being written down before a crash.
beforeAll(async () => {
  server = await startOwnPostgresql({ settings: { wal_writer_delay: '10s', autovacuum: 'off' } });
});
afterAll(() => server.remove());

const entity = template();
const { template_id: id } = entity;

const calls: readonly (readonly [string, (store: StorageRepository) => Promise<unknown>])[] = [
  ['getEntity', (store) => store.getEntity('templates', id)],
  ['getEntities', (store) => store.getEntities('templates', [id, 'none'])],
  ['queryEntities', (store) => store.queryEntities('templates')],
  ['countEntities', (store) => store.countEntities('templates')],
  ['scan', (store) => store.strategy.scan('templates', { segment: 0, segments: 1, limit: 10 })],
  ['saveEntity', (store) => store.saveEntity('templates', entity)],
  ['updateEntity', (store) => store.updateEntity('templates', id, { name: 'Renamed' })],
  ['saveEntities', (store) => saveAll(store, 'templates', [template(), template()])],
  ['createTogether', (store) => store.createTogether([{ collection: 'templates', entity: template() }])],
  ['transaction', (store) => store.transaction((tx) => tx.updateEntity('templates', id, { name: 'Renamed' }))],
  ['load', (store) => store.strategy.load('templates', [])],
  ['health', (store) => store.health()],
];

describe.each(['fast', 'immediate'] as const)('a server that is stopped (%s) and started', (mode) => {
  test('while it is down every call fails at once and names the server; the next one after that works', async () => {
    await using store = await openStore(server.url);
    await store.saveEntity('templates', entity);
    await Promise.all([1, 2, 3].map(() => store.health()));
    await server.stop(mode);
    for (const [name, call] of calls) {
      const start = performance.now();
      const { message } = await unavailability(call(store));
      expect([name, message]).toEqual([name, expect.stringContaining(`${server.host}:${server.port}`)]);
      expect(message).toMatch(/no server is listening at this address.* Try again/);
      expect(performance.now() - start).toBeLessThan(25_000);
    }
    await server.start();
    for (const [, call] of calls) await call(store);
  });

  test('between calls: connections that died with it are replaced', async () => {
    await using store = await openStore(server.url);
    await Promise.all([1, 2, 3].map(() => store.health()));
    await server.stop(mode);
    await server.start();
    await Promise.all([1, 2, 3].map(() => store.saveEntity('templates', template())));
  });

  test.each(['reading', 'writing'] as const)('inside a transaction that is %s: nothing is half done', async (doing) => {
    await using store = await openStore(server.url);
    const [first, second] = [template(), template()];
    const stored = async () => (await store.getEntities('templates', [first.template_id, second.template_id])).items;
    let runs = 0;
    const attempt = (interrupt: () => Promise<void>) =>
      store.transaction(async (tx) => {
        runs += 1;
        await tx.saveEntity('templates', first);
        // A query sends the writes before it.
        if (doing === 'writing') await tx.countEntities('templates');
        if (runs === 1) await interrupt();
        await tx.saveEntity('templates', second);
      });

    const { message } = await unavailability(attempt(() => server.stop(mode)));
    expect(message).toContain(`${server.host}:${server.port}`);
    await server.start();
    expect(await stored()).toEqual([]);

    runs = 0;
    await attempt(async () => {
      await server.stop(mode);
      await server.start();
    });
    expect(runs).toBe(2);
    expect((await stored()).map(({ version }) => version)).toEqual([1, 1]);
  });
});

async function connected(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** The id of a new transaction. */
async function nextTransaction(): Promise<number> {
  const client = await connected();
  const { rows } = await client.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
  await client.end();
  return Number(rows[0]?.id);
}

async function crashServer(): Promise<void> {
  await server.stop('immediate');
  await server.start();
}

/** PostgreSQL ends all of its processes when one is killed, and recovers. */
async function killOneProcess(): Promise<void> {
  const client = await connected();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const ended = new Promise<void>((resolve) => client.on('end', resolve));
  process.kill(rows[0]?.pid ?? Number.NaN, 'SIGKILL');
  await ended;
  const recovered = () =>
    nextTransaction().then(
      () => true,
      () => false,
    );
  while (!(await recovered())) await sleep(20);
}

// After a crash PostgreSQL reuses the ids of transactions that left no trace, and pg_xact_status then returns the outcome
// of the new ones: a transaction whose COMMIT was lost was reported as committed.
test.each([
  ['the server', crashServer],
  ['one of its processes', killOneProcess],
])('a crash of %s before COMMIT: the outcome of another transaction does not count', async (_, crash) => {
  const proxy = await startCuttingProxy(server.port);
  try {
    await using store = await openStore(server.url, { port: proxy.port });
    const lost = template();
    const cut = proxy.cutAt({ text: /^COMMIT$/ });
    const saving = unavailability(store.transaction((tx) => tx.saveEntity('templates', lost)));
    await proxy.refuse(true);
    await cut;
    const id = await nextTransaction();
    await crash();
    while ((await nextTransaction()) < id);
    await proxy.refuse(false);
    expect((await saving).message).toMatch(/may or may not have been stored/);
    expect(await store.getEntity('templates', lost.template_id)).toBeUndefined();
  } finally {
    await proxy.stop();
  }
});
