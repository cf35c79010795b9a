/** Runs the parties of a scenario concurrently, each on its own client, and reports what happened. */
import { inspect, isDeepStrictEqual } from 'node:util';
import { attempt, type Entry, type Observer, type Party, RolledBack, type Scenario } from './party.ts';
import {
  type Client,
  type Fields,
  type Found,
  type Key,
  kindOf,
  type Operation,
  performInMemory,
  type Row,
  type Rows,
} from './rows.ts';
import { type Schedule, Turns } from './schedule.ts';

export interface History {
  /** By party; undefined if it rolled back. */
  readonly logs: readonly (readonly Entry[] | undefined)[];
  /** By observer. */
  readonly observed: readonly (readonly Entry[])[];
  /** The rows at the end. */
  readonly rows: Rows;
}

/** The log is the result of the work, and thus that of the committed attempt: the others never happened. */
async function commit(
  client: Client,
  party: Party,
  schedule: Schedule,
  index: number,
  named: Set<Key>,
): Promise<Entry[] | undefined> {
  const last = new Set<number>();
  const turns = {
    begin: (turn: number) => schedule.begin(turn, index),
    end: (turn: number) => schedule.end(turn),
    endWithTransaction: (turn: number) => last.add(turn),
  };
  try {
    return await client.transaction((perform) => {
      const naming = (operation: Operation) => {
        if ('key' in operation) named.add(operation.key);
        return perform(operation);
      };
      return attempt(party, naming, turns);
    });
  } catch (error) {
    if (error instanceof RolledBack) return undefined;
    throw error;
  } finally {
    for (const turn of last) schedule.end(turn);
  }
}

/** In one turn, so that commits happen between them. */
const READS_PER_TURN = 2;

/** Rows that a store may have read at different moments. */
const eachAlone = (rows: Found): Entry[] =>
  rows.map(([key, row]) => ({ operation: { kind: 'get', key }, outcome: row }));

/** Reads requests in every possible way outside transactions. */
async function readRequests({ perform, exactQueries, exactBatches }: Client, keys: readonly Key[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  const read = async (operation: Operation) => ({ operation, outcome: await perform(operation) });
  for (const key of keys) entries.push(await read({ kind: 'get', key }));
  if (keys.length > 0) {
    const together = await read({ kind: 'get together', keys });
    if (exactBatches) entries.push(together);
    else entries.push(...eachAlone(together.outcome as Found));
  }
  const query = await read({ kind: 'query', from: 'requests', filters: {} });
  if (exactQueries) entries.push(query);
  else entries.push(...eachAlone(query.outcome as Found));
  return entries;
}

async function observe(
  client: Client,
  { at }: Observer,
  keys: readonly Key[],
  schedule: Schedule,
  index: number,
): Promise<Entry[]> {
  const requests = keys.filter((key) => kindOf(key) === 'requests');
  const entries: Entry[] = [];
  for (const turn of at) {
    await schedule.begin(turn, index);
    for (let i = 0; i < READS_PER_TURN; i++) entries.push(...(await readRequests(client, requests)));
    schedule.end(turn);
  }
  return entries;
}

/** The existing rows among those that any party named. */
async function contents({ perform, exactQueries }: Client, named: ReadonlySet<Key>): Promise<Rows> {
  const rows: Rows = new Map();
  for (const key of named) {
    const row = (await perform({ kind: 'get', key })) as Row | undefined;
    if (row !== undefined) rows.set(key, row);
  }
  if (!exactQueries) return rows;
  for (const from of ['requests', 'machines'] as const) {
    const all: Operation = { kind: 'query', from, filters: {} };
    const found = await perform(all);
    if (isDeepStrictEqual(found, performInMemory(rows, all))) continue;
    throw new Error(`A query of ${from} finds ${inspect(found)}, but these are there by id: ${inspect(rows)}.`);
  }
  return rows;
}

/** @param clients one for each party, and one more */
export async function happen(
  clients: readonly Client[],
  { rows, parties, beginAt = [], observers = [] }: Scenario,
  schedule: Schedule = new Turns(),
): Promise<History> {
  const clientOf = (party: number): Client => clients[party] as Client;
  const keys = Object.keys(rows) as Key[];
  for (const key of keys) await clientOf(0).perform({ kind: 'save', key, fields: rows[key] as Fields });
  const named = new Set(keys);
  const committing = parties.map(async (party, i) => {
    const begin = beginAt[i];
    if (begin !== undefined) await schedule.begin(begin, i);
    return commit(clientOf(i), party, schedule, i, named);
  });
  const observing = observers.map((observer, i) => {
    const { beside = parties.length } = observer;
    return observe(clientOf(beside), observer, keys, schedule, parties.length + i);
  });
  // A failure is reported once all parties have ended.
  await Promise.allSettled([...committing, ...observing]);
  const logs = await Promise.all(committing);
  return { logs, observed: await Promise.all(observing), rows: await contents(clientOf(0), named) };
}
