/** Proof that the isolation tests can fail: the same scenarios on stores that isolate less than they should. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Repository } from '../../lib/repository/repository.ts';
import { type Anomaly, anomalies, rows } from './isolation/anomalies.ts';
import { clientsOf } from './isolation/clients.ts';
import { happen } from './isolation/history.ts';
import type { Scenario } from './isolation/party.ts';
import { predicateAnomalies } from './isolation/predicate-anomalies.ts';
import { pausesOf, programs, scenarioOf } from './isolation/programs.ts';
import {
  type Client,
  type Fields,
  type Found,
  type Key,
  type Operation,
  performInMemory,
  type Rows,
} from './isolation/rows.ts';
import { NotSerializable, requireSerialOrder } from './isolation/serial-orders.ts';
import { type OpenStore, type StoreFactory, stores } from './stores.ts';

let store: OpenStore;
let repositories: [Repository, Repository, Repository];
beforeAll(async () => {
  store = await (stores[0] as StoreFactory).open();
  repositories = [store.repository, await store.second(), await store.second()];
});
afterAll(() => store.close());

/** Every operation is committed at once, and nothing is ever rolled back. */
const withoutTransactions = (client: Client): Client => ({ ...client, transaction: (work) => work(client.perform) });

type Writes = ReadonlySet<Key>;
type Conflict = (mine: Writes, theirs: Writes) => boolean;

/**
 * A store without locks: transactions work on a snapshot, and are retried if one that committed meanwhile is in
 * conflict with what they wrote.
 */
function optimistic(conflict: Conflict): { clients: Client[]; attempts(): number } {
  const stored: Rows = new Map();
  const commits: Writes[] = [];
  let attempts = 0;

  async function transaction<T>(work: Parameters<Client['transaction']>[0]): Promise<T> {
    for (;;) {
      attempts += 1;
      const writes = new Set<Key>();
      let snapshot: { readonly rows: Rows; readonly commits: number } | undefined;
      const result = await work(async (operation: Operation) => {
        // As databases do: it begins with the first operation.
        snapshot ??= { rows: new Map(stored), commits: commits.length };
        if ('key' in operation && operation.kind !== 'get') writes.add(operation.key);
        return performInMemory(snapshot.rows, operation);
      });
      if (commits.slice(snapshot?.commits).some((theirs) => conflict(writes, theirs))) continue;
      for (const key of writes) {
        const row = snapshot?.rows.get(key);
        if (row === undefined) stored.delete(key);
        else stored.set(key, row);
      }
      commits.push(writes);
      return result as T;
    }
  }

  const perform: Client['perform'] = async (operation) => performInMemory(stored, operation);
  const client = { perform, transaction, exactQueries: true, exactBatches: true };
  return { clients: [client, client, client], attempts: () => attempts };
}

/** No other transaction has committed the rows that this one wrote: snapshot isolation. */
const bothWrote: Conflict = (mine, theirs) => !mine.isDisjointFrom(theirs);
/** If this transaction wrote, no other has committed anything: serializable. */
const bothCommit: Conflict = (mine, theirs) => mine.size > 0 && theirs.size > 0;

const noticed = (check: Promise<void>): Promise<void> => expect(check).rejects.toBeInstanceOf(NotSerializable);

describe.each([...anomalies, ...predicateAnomalies])('$name', ({ name, ...anomaly }) => {
  const scenario = { rows, ...anomaly };

  test('is detected in a store without transactions', async () => {
    const clients = await clientsOf(repositories);
    const history = await happen(clients.map(withoutTransactions), scenario);
    await noticed(requireSerialOrder(scenario, history));
  });

  // Under snapshot isolation neither party of G1c sees what the other wrote, which is write skew.
  const skewed = /^G2|^G1c/.test(name);
  test(`is ${skewed ? 'detected' : 'prevented'} under snapshot isolation`, async () => {
    const check = requireSerialOrder(scenario, await happen(optimistic(bothWrote).clients, scenario));
    await (skewed ? noticed(check) : check);
  });

  test('is prevented by a serializable store', async () => {
    await requireSerialOrder(scenario, await happen(optimistic(bothCommit).clients, scenario));
  });
});

test('attempts before the one that committed do not count', async () => {
  const { clients, attempts } = optimistic(bothCommit);
  const scenario = { rows, ...(anomalies.find(({ name }) => name === 'P4: lost update') as Anomaly) };
  const { logs } = await happen(clients, scenario);
  expect(attempts()).toBe(3);
  expect(logs.map((log) => log?.length)).toEqual([2, 2]);
});

test('reads that go back in time are detected', async () => {
  const [a, status] = ['requests/a', 'PENDING'] as const;
  const scenario: Scenario = { rows: { [a]: rows[a] as Fields }, parties: [(at) => at(1).set(a, 11)] };
  const before: Found = [[a, { machine_count: 10, status, version: 1 }]];
  const after: Found = [[a, { machine_count: 11, status, version: 2 }]];
  const history = await happen(optimistic(bothCommit).clients, scenario);
  const reading = (...outcomes: Found[]) => {
    const operation: Operation = { kind: 'get together', keys: [a] };
    const observed = [outcomes.map((outcome) => ({ operation, outcome }))];
    return requireSerialOrder(scenario, { ...history, observed });
  };
  await reading(before, before, after, after);
  await noticed(reading(before, after, before));
});

describe('random transactions', () => {
  const check = (open: () => Client[], numRuns: number): Promise<void> =>
    fc.assert(
      fc.asyncProperty(programs(true), async (input) => {
        const scenario = scenarioOf(input);
        await requireSerialOrder(scenario, await happen(open(), scenario, pausesOf(input, 1)));
      }),
      { numRuns, endOnFailure: true },
    );

  test.each([
    ['no transactions', () => optimistic(bothCommit).clients.map(withoutTransactions)],
    ['snapshot isolation', () => optimistic(bothWrote).clients],
  ])('detect %s', async (_, open) => {
    await expect(check(open, 2000)).rejects.toMatchObject({ cause: expect.any(NotSerializable) });
  });

  test('find nothing wrong with a serializable store', () => check(() => optimistic(bothCommit).clients, 100));
});
