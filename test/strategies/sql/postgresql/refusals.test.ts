/** Refusals of a server, and their messages to the person who must fix them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Entity } from '../../../../lib/model/entities.ts';
import type { StorageRepository } from '../../../../lib/repository/storage-repository.ts';
import { freePort } from '../../../backends/kept-process.ts';
import { type OwnPostgresql, startOwnPostgresql } from '../../../backends/postgresql.ts';
import { rejection } from '../../../contract/rejection.ts';
import { saveAll, saveTemplate, template } from '../../../contract/samples.ts';
import { expectReadable, unavailability } from './readable.ts';
import { openStore, type SqlSettings } from './store-behind-proxy.ts';

const MAX_CONNECTIONS = 8;
const RESERVED = 3;
const APP = { username: 'app', password: 'the-password-of-app' };

let server: OwnPostgresql;
let admin: pg.Client;

beforeAll(async () => {
  const settings = { max_connections: `${MAX_CONNECTIONS}`, superuser_reserved_connections: `${RESERVED}` };
  server = await startOwnPostgresql({ settings });
  admin = await connect(server.url);
  await admin.query(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
  // A database that app may use, another that it may only read, and one that it must not even connect to.
  for (const name of ['served', 'looked_at', 'closed']) await admin.query(`CREATE DATABASE ${name}`);
  await admin.query('ALTER DATABASE served OWNER TO app');
  await admin.query('REVOKE CONNECT ON DATABASE closed FROM PUBLIC');
});
afterAll(async () => {
  await admin.end();
  await server.remove();
});

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {});
  await client.connect();
  return client;
}

const open = (settings: SqlSettings): Promise<StorageRepository> =>
  openStore(server.url, { name: 'served', ...APP, pool_size: 1, max_overflow: 0, ...settings });

interface Refusal {
  readonly what: string;
  readonly settings: () => SqlSettings | Promise<SqlSettings>;
  readonly code: 'configuration_invalid' | 'storage_unavailable';
  readonly message: RegExp;
}

const refusals: readonly Refusal[] = [
  {
    what: 'a wrong password',
    settings: () => ({ password: 'a-wrong-password' }),
    code: 'configuration_invalid',
    message: /refused the login: password authentication failed for user "app".*Check username, password/,
  },
  {
    what: 'an unknown user',
    settings: () => ({ username: 'nobody' }),
    code: 'configuration_invalid',
    message: /refused the login.*"nobody".*Check username, password/,
  },
  {
    what: 'a missing database',
    settings: () => ({ name: 'nowhere' }),
    code: 'configuration_invalid',
    message: /has no database "nowhere"\. Create it \(createdb\), or correct name\./,
  },
  {
    what: 'a database that the user must not connect to',
    settings: () => ({ name: 'closed' }),
    code: 'configuration_invalid',
    message: /permission denied for database "closed".*Grant it to the user/,
  },
  {
    what: 'a database in which the user must not create tables',
    settings: () => ({ name: 'looked_at' }),
    code: 'configuration_invalid',
    message: /permission denied for schema public.*Grant it to the user/,
  },
  {
    what: 'a port without a server',
    settings: async () => ({ port: await freePort() }),
    code: 'storage_unavailable',
    message:
      /^The database server 127\.0\.0\.1:\d+ cannot be reached: no server is listening at this address\. Try again later\.$/,
  },
  {
    what: 'a server without TLS',
    settings: () => ({ sslmode: 'require' }),
    code: 'configuration_invalid',
    message: /cannot be made secure: The server does not support SSL connections\. Check sslmode/,
  },
];

test.each(refusals)('opening: $what', async ({ settings, code, message }) => {
  const given = await settings();
  const error = await rejection(open(given));
  expect(error).toMatchObject({
    code,
    message: expect.stringMatching(message),
    retryable: code === 'storage_unavailable',
  });
  expect(error.message).toContain('127.0.0.1:');
  expectReadable(error, [given.password ?? APP.password]);
});

test('a server all of whose connections are in use, and one that comes free', async () => {
  await using store = await open({ pool_timeout: 1 });
  const reached = () => store.saveEntity('templates', template());
  await reached();
  await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
  const url = new URL(server.url);
  Object.assign(url, { ...APP, pathname: '/served' });
  // The administrator's own connection does not use a reserved one as long as others are free.
  const others = await Promise.all(Array.from({ length: MAX_CONNECTIONS - RESERVED - 1 }, () => connect(url.href)));
  const { message } = await unavailability(reached());
  expect(message).toMatch(/no connection left\. Lower pool_size and max_overflow, or raise its max_connections\./);
  await others.pop()?.end();
  // The server frees the slot a moment after the connection has ended.
  const succeeds = () =>
    reached().then(
      () => true,
      () => false,
    );
  while (!(await succeeds())) await sleep(20);
  await Promise.all(others.map((other) => other.end()));
});

const AT = '2026-11-22T10:00:00.000Z';
const LOADED = { ...template(), created_at: AT, updated_at: AT, version: 7 } as Entity;

const writes: readonly (readonly [string, (store: StorageRepository) => Promise<unknown>])[] = [
  ['saveEntity', (store) => saveTemplate(store)],
  ['updateEntity', (store) => store.updateEntity('templates', 'there', { name: 'Renamed' })],
  ['saveEntities', (store) => saveAll(store, 'templates', [template(), template()])],
  ['createTogether', (store) => store.createTogether([{ collection: 'templates', entity: template() }])],
  ['transaction', (store) => store.transaction((tx) => saveTemplate(tx))],
  ['load', (store) => store.strategy.load('templates', [LOADED])],
];

async function expectReadOnly(store: StorageRepository): Promise<void> {
  const before = await store.countEntities('templates');
  for (const [name, write] of writes) {
    const { message } = await unavailability(write(store));
    expect([name, message]).toEqual([
      name,
      expect.stringMatching(/accepts no writes.*Name the primary server as host.*Nothing was stored/),
    ]);
  }
  expect(await store.getEntity('templates', 'there')).toBeDefined();
  expect(await store.countEntities('templates')).toEqual(before);
}

describe('a server that accepts no writes', () => {
  beforeAll(async () => {
    await using store = await open({});
    await store.saveEntity('templates', template({ template_id: 'there' }));
  });

  test('because of a setting of the user: reads work, writes say what to do', async () => {
    await admin.query('ALTER ROLE app SET default_transaction_read_only = on');
    try {
      await using store = await open({});
      await expectReadOnly(store);
    } finally {
      await admin.query('ALTER ROLE app RESET default_transaction_read_only');
    }
  });

  test('because it is a standby: reads work, writes say what to do, and after its promotion they work', async () => {
    const { rows } = await admin.query<{ data_directory: string }>('SHOW data_directory');
    const signal = join(rows[0]?.data_directory ?? '', 'standby.signal');
    await admin.end();
    await server.stop('fast');
    await writeFile(signal, '', { mode: 0o644 });
    await server.start();
    admin = await connect(server.url);
    await using store = await open({});
    await expectReadOnly(store);
    await admin.query('SELECT pg_promote()');
    for (const [, write] of writes) await write(store);
  });
});

test('a dropped table makes the store unavailable until it is back, and the error reports it', async () => {
  await using store = await open({});
  const client = await connect(server.url.replace(/postgres$/, 'served'));
  await client.query('DROP TABLE templates CASCADE');
  await client.end();
  const error = await rejection(saveTemplate(store));
  expect(error).toMatchObject({ code: 'storage_unavailable', message: expect.stringContaining('templates') });
  expectReadable(error);
});
