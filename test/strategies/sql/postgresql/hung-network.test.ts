/** A network that goes silent: no call waits forever, and a call that the server did not get in time is not executed later. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import type { StorageRepository } from '../../../../lib/repository/storage-repository.ts';
import type { CutRule } from '../../../backends/cutting-proxy.ts';
import { saveTemplate } from '../../../contract/samples.ts';
import { unavailability } from './readable.ts';
import { openBehindProxy, type StoreBehindProxy } from './store-behind-proxy.ts';

const TIMEOUT = 0.5;
/** The server has 5 s more to report its timeout; overdue answers are looked for every second. */
const GIVES_UP_AFTER = TIMEOUT + 5 + 1;
/** A margin for what follows, such as a new connection, and for a busy machine. */
const SLACK = 40;

interface Case {
  readonly what: string;
  /** The message at which everything stops. */
  readonly hang: CutRule;
  readonly call: (store: StorageRepository, id: string) => Promise<unknown>;
  readonly message: RegExp;
  /** The stored version after the network has recovered; 1 if nothing was stored. */
  readonly version: number;
  /** Whether another program locks the row until the call has failed. */
  readonly locked?: true;
  /** Whether the server waits for the rest of a message sequence, for which it has no timeout. */
  readonly unfinished?: true;
}

const read = (store: StorageRepository, id: string) => store.getEntity('templates', id);
const update = (store: StorageRepository, id: string) => store.updateEntity('templates', id, { name: 'Renamed' });
const inTransaction = (store: StorageRepository, id: string) =>
  store.transaction((tx) => tx.updateEntity('templates', id, { name: 'Renamed' }));

/** CommandComplete. */
const ANSWER: CutRule = { from: 'server', type: 'C' };
/** ErrorResponse. */
const REFUSAL: CutRule = { from: 'server', type: 'E' };

const UNKNOWN = /may or may not have been stored/;
const SILENT = /did not answer within pool_timeout\. Try again later/;

const cases: readonly Case[] = [
  { what: 'a read', hang: { text: /^SELECT/ }, call: read, message: SILENT, version: 1 },
  { what: 'a write', hang: { text: /^UPDATE/ }, call: update, message: UNKNOWN, version: 1 },
  { what: 'the end of a write', hang: { type: 'S' }, call: update, message: UNKNOWN, version: 1, unfinished: true },
  { what: 'the answer to a write', hang: ANSWER, call: update, message: UNKNOWN, version: 2 },
  { what: 'a refusal of a write', hang: REFUSAL, call: update, message: UNKNOWN, version: 1, locked: true },
  { what: 'BEGIN', hang: { text: /^BEGIN/ }, call: inTransaction, message: SILENT, version: 1 },
  { what: 'a read in a transaction', hang: { text: /^SELECT/ }, call: inTransaction, message: SILENT, version: 1 },
  { what: 'a write in a transaction', hang: { text: /^UPDATE/ }, call: inTransaction, message: SILENT, version: 1 },
  { what: 'COMMIT', hang: { text: /^COMMIT/ }, call: inTransaction, message: UNKNOWN, version: 1 },
  // After those to BEGIN, its SELECT, a SELECT and an UPDATE.
  { what: 'the answer to COMMIT', hang: { ...ANSWER, nth: 5 }, call: inTransaction, message: UNKNOWN, version: 2 },
];

/** What the server is doing for the store; it should be waiting for it. */
async function busy(address: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: address });
  await client.connect();
  const { rows } = await client.query(
    "SELECT state, query FROM pg_stat_activity WHERE application_name = 'hfstorage' AND datname = current_database() " +
      "AND state <> 'idle'",
  );
  await client.end();
  return rows;
}

/** A store with a network that hangs at a message, and with a template. */
async function openHanging(hang: CutRule): Promise<StoreBehindProxy & { readonly id: string }> {
  const behind = await openBehindProxy({ timeout: TIMEOUT, pool_timeout: TIMEOUT });
  const { template_id: id } = await saveTemplate(behind.direct);
  void behind.proxy.cutAt({ ...hang, how: 'hang' });
  return { ...behind, id };
}

let opening: Promise<unknown> = Promise.resolve();

/** One after the other: on a busy machine, many connections at once may take longer than the time-outs tried here. */
function openInTurn(hang: CutRule): ReturnType<typeof openHanging> {
  const opened = opening.then(() => openHanging(hang));
  opening = opened.catch(() => {});
  return opened;
}

async function lockTemplates(address: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: address });
  await client.connect();
  await client.query('BEGIN; SELECT FROM templates FOR UPDATE');
  return () => client.end();
}

/** The outcome of a case, to be compared with the expected one. */
async function play({ what, hang, call, locked, unfinished }: Case) {
  await using hanging = await openInTurn(hang);
  const { store, proxy, direct, address, id } = hanging;
  const unlock = locked && (await lockTemplates(address));
  const start = performance.now();
  const { message } = await unavailability(call(store, id));
  const inTime = (performance.now() - start) / 1000 < GIVES_UP_AFTER + SLACK;
  await unlock?.();
  const busyBefore = unfinished ? [] : await busy(address);
  proxy.resume();
  await saveTemplate(store);
  const version = (await direct.getEntity('templates', id))?.version;
  return { what, message, inTime, version, busy: [...busyBefore, ...(await busy(address))] };
}

test('every call fails in time, reports what is known, and nothing is executed later', async () => {
  // All at once: most of the time they wait.
  const outcomes = await Promise.all(cases.map(play));
  const expected = cases.map(({ what, message, version }) => ({
    what,
    message: expect.stringMatching(message),
    inTime: true,
    version,
    busy: [],
  }));
  expect(outcomes).toEqual(expected);
});

test('a shorter silence of the network is tolerated', async () => {
  await using hanging = await openHanging({ text: /^UPDATE/ });
  const { store, proxy, direct, id } = hanging;
  const updating = update(store, id);
  await sleep(1500);
  proxy.resume();
  await updating;
  expect((await direct.getEntity('templates', id))?.version).toBe(2);
});

test('no connection can be made: the call fails after pool_timeout', async () => {
  await using hanging = await openHanging({});
  const { store, proxy, id } = hanging;
  proxy.hang();
  proxy.cut();
  // Until this side has noticed it.
  await sleep(100);
  const start = performance.now();
  for (const call of [update, inTransaction]) {
    expect((await unavailability(call(store, id))).message).toMatch(SILENT);
  }
  expect((performance.now() - start) / 1000).toBeLessThan(2 * TIMEOUT + SLACK);
  proxy.resume();
  await saveTemplate(store);
});
