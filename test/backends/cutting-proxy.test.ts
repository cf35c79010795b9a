import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts';
import { createDatabase, dropDatabase } from './test-database.ts';

const DATABASE = `cutting-proxy-${process.pid}`;
// Which of the two depends on whether the proxy had read all that the client sent.
const LOST = /Connection terminated unexpectedly|ECONNRESET/;
let url: URL;
let direct: pg.Client;
let proxy: CuttingProxy;
let client: pg.Client;

async function connected(options: pg.ClientConfig = {}): Promise<pg.Client> {
  const through = new URL(url);
  through.port = `${proxy.port}`;
  const made = new pg.Client({ connectionString: through.href, ...options });
  made.on('error', () => {});
  await made.connect();
  return made;
}

const written = async (): Promise<unknown[]> =>
  (await direct.query('SELECT n FROM t ORDER BY n')).rows.map(({ n }) => n);

beforeAll(async () => {
  url = new URL(await createDatabase(DATABASE));
  direct = new pg.Client({ connectionString: url.href });
  await direct.connect();
  await direct.query('CREATE TABLE t (n int PRIMARY KEY)');
});
beforeEach(async () => {
  await direct.query('TRUNCATE t');
  proxy = await startCuttingProxy(Number(url.port));
  client = await connected();
});
afterEach(async () => {
  await proxy.stop();
});
afterAll(async () => {
  await direct.end();
  await dropDatabase(DATABASE);
});

test('messages and bytes that pass through are counted and reported', async () => {
  await client.query('SELECT 1');
  await client.query('INSERT INTO t VALUES ($1)', [7]);
  await client.end();
  expect(proxy.messages[0]).toEqual({ connection: 1, type: 'startup' });
  const statements = proxy.messages.filter(({ text }) => text !== undefined);
  expect(statements).toEqual([
    { connection: 1, type: 'Q', text: 'SELECT 1' },
    { connection: 1, type: 'P', text: 'INSERT INTO t VALUES ($1)' },
  ]);
  expect(proxy.messages.map(({ type }) => type).join(' ')).toBe('startup p p Q P B D E S X');
  expect(proxy.traffic.client.messages).toBe(proxy.messages.length);
  expect(proxy.traffic.server.bytes).toBeGreaterThan(proxy.traffic.server.messages);
});

test('a message and an answer larger than a chunk arrive complete', async () => {
  const text = 'é'.repeat(1_000_000);
  expect((await client.query('SELECT $1::text AS text', [text])).rows).toEqual([{ text }]);
});

test('a cut before a statement: it has not run', async () => {
  const cut = proxy.cutAt({ text: /INSERT/, nth: 2 });
  await client.query('INSERT INTO t VALUES (1)');
  await expect(client.query('INSERT INTO t VALUES (2)')).rejects.toThrow(LOST);
  await cut;
  expect(await written()).toEqual([1]);
});

test.each([
  ['a simple statement', { text: /INSERT/ }, [] as unknown[]],
  ['a statement with values', { text: /INSERT/ }, [3]],
])('a cut after %s: it has run, and the client cannot know', async (_, rule, values) => {
  const cut = proxy.cutAt({ ...rule, how: 'after' });
  const insert = client.query(`INSERT INTO t VALUES (${values.length === 0 ? '3' : '$1'})`, values);
  await expect(insert).rejects.toThrow(LOST);
  await cut;
  expect(await written()).toEqual([3]);
});

test('a cut before COMMIT rolls back, a cut after it does not', async () => {
  for (const how of ['before', 'after'] as const) {
    const one = await connected();
    const cut = proxy.cutAt({ text: /^COMMIT$/, how });
    await one.query('BEGIN');
    await one.query(`INSERT INTO t VALUES (${how === 'before' ? 1 : 2})`);
    await expect(one.query('COMMIT')).rejects.toThrow(LOST);
    await cut;
  }
  expect(await written()).toEqual([2]);
});

test("a cut at the server's message: the client gets it or not", async () => {
  const before = proxy.cutAt({ from: 'server', type: 'D' });
  await expect(client.query('SELECT 1')).rejects.toThrow(LOST);
  await before;
  const other = await connected();
  const rows: unknown[] = [];
  const after = proxy.cutAt({ from: 'server', type: 'D', nth: 2, how: 'after' });
  const query = new pg.Query('SELECT generate_series(1, 3) AS n');
  query.on('row', ({ n }) => rows.push(n));
  await new Promise((resolve) => other.query(query).on('error', resolve));
  await after;
  expect(rows).toEqual([1, 2]);
});

test('a network that hangs at a message holds it back and loses nothing', async () => {
  const hung = proxy.cutAt({ text: /INSERT/, how: 'hang' });
  const insert = client.query('INSERT INTO t VALUES (4)');
  await hung;
  expect(await written()).toEqual([]);
  await expect(connected({ connectionTimeoutMillis: 50 })).rejects.toThrow('timeout expired');
  proxy.resume();
  await insert;
  expect(await written()).toEqual([4]);
});

test('a network that hangs and then breaks', async () => {
  proxy.hang();
  const lost = expect(client.query('SELECT 1')).rejects.toThrow(LOST);
  proxy.cut();
  await lost;
  proxy.resume();
  await (await connected()).query('SELECT 1');
});

test('new connections are refused on request, and existing ones stay', async () => {
  await proxy.refuse(true);
  await expect(connected()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await client.query('SELECT 1');
  await proxy.refuse(false);
  await (await connected()).query('SELECT 1');
});

test('a delay holds back every chunk', async () => {
  proxy.delay(40);
  const start = performance.now();
  await client.query('SELECT 1');
  // One chunk there and one back; a timer may be a millisecond early.
  expect(performance.now() - start).toBeGreaterThan(75);
});

test('it does not support TLS', async () => {
  await expect(connected({ ssl: true })).rejects.toThrow('The server does not support SSL connections');
});
