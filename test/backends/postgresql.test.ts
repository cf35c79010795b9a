import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { type OwnPostgresql, startOwnPostgresql } from './postgresql.ts';
import { createDatabase, dropDatabase } from './test-database.ts';

let own: OwnPostgresql;

const ask = async (connectionString: string, statement: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query({ text: statement, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
};

beforeAll(async () => {
  own = await startOwnPostgresql({ settings: { log_statement: 'all' } });
  await ask(own.url, 'CREATE TABLE t (n int)');
});
afterAll(() => own.remove());

test.each(['fast', 'immediate'] as const)('a %s stop ends the sessions and keeps what was committed', async (mode) => {
  await ask(own.url, 'INSERT INTO t VALUES (1)');
  const before = await ask(own.url, 'SELECT n FROM t');
  const client = new pg.Client({ connectionString: own.url });
  const ended = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  await own.stop(mode);
  await ended;
  await expect(ask(own.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await own.start();
  expect(await ask(own.url, 'SELECT n FROM t')).toEqual(before);
});

test('settings reach the server', async () => {
  expect(await ask(own.url, 'SHOW log_statement')).toEqual(['all']);
});

test("an unknown setting is reported in the server's own words", async () => {
  await expect(startOwnPostgresql({ settings: { no_such: '1' } })).rejects.toThrow(
    'unrecognized configuration parameter "no_such"',
  );
});

test('a test database has the given address, and can be dropped while clients are connected', async () => {
  const name = `Te st-"ü"-${process.pid}`;
  const url = await createDatabase(name);
  expect(await ask(url, 'SELECT current_database()')).toEqual([name]);
  const client = new pg.Client({ connectionString: url });
  const ended = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  await dropDatabase(name);
  await ended;
  await dropDatabase(name);
  await expect(ask(url, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
});
