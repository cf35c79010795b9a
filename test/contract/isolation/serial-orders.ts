/**
 * The one assertion of the isolation tests: what concurrent transactions read, and the rows at the end, are
 * what some serial order of them would have given. No anomaly can be explained that way.
 */
import { inspect, isDeepStrictEqual } from 'node:util';
import type { History } from './history.ts';
import { attempt, type Entry, type Party, type Scenario } from './party.ts';
import { type Key, performInMemory, type Row, type Rows } from './rows.ts';

/** Thrown if a history matches no serial order. */
export class NotSerializable extends Error {}

const atOnce = { begin: async () => {}, end: () => {}, endWithTransaction: () => {} };

function orders(parties: readonly number[]): number[][] {
  if (parties.length === 0) return [[]];
  return parties.flatMap((first) => orders(parties.filter((one) => one !== first)).map((rest) => [first, ...rest]));
}

const committed = (logs: History['logs']): number[] => [...logs.keys()].filter((party) => logs[party] !== undefined);

const before = ({ rows }: Scenario): Rows =>
  new Map(Object.entries(rows).map(([key, fields]) => [key as Key, { ...fields, version: 1 }]));

/** What the parties read one after the other, and the resulting rows. */
async function oneByOne(scenario: Scenario, order: readonly number[]): Promise<Pick<History, 'logs' | 'rows'>> {
  const rows = before(scenario);
  const logs: (readonly Entry[] | undefined)[] = scenario.parties.map(() => undefined);
  for (const index of order) {
    const party = scenario.parties[index] as Party;
    logs[index] = await attempt(party, async (operation) => performInMemory(rows, operation), atOnce);
  }
  return { logs, rows };
}

/** The rows after a commit. */
function withWrites(rows: Rows, log: readonly Entry[]): Rows {
  const after = new Map(rows);
  for (const { operation, outcome } of log) {
    if (outcome === 'missing') continue;
    if (operation.kind === 'delete') after.delete(operation.key);
    else if (operation.kind === 'save' || operation.kind === 'update') after.set(operation.key, outcome as Row);
  }
  return after;
}

/** Whether each read saw one of the states, and those of several rows together did not go back to an earlier one. */
function couldObserve(states: readonly Rows[], observed: readonly Entry[]): boolean {
  let latest = 0;
  return observed.every(({ operation, outcome }) => {
    const oneRow = operation.kind === 'get';
    const seen = states.findIndex(
      (rows, i) => (oneRow || i >= latest) && isDeepStrictEqual(performInMemory(rows, operation), outcome),
    );
    if (!oneRow) latest = seen;
    return seen !== -1;
  });
}

/**
 * Whether reads outside transactions always saw whole commits. These may have come in another
 * order than the serial one: a transaction that read what another replaced comes before it, but may commit after it.
 */
function onlyCommits(scenario: Scenario, { logs, observed, rows }: History): boolean {
  return orders(committed(logs)).some((order) => {
    const states: Rows[] = [before(scenario)];
    for (const index of order) states.push(withWrites(states.at(-1) as Rows, logs[index] as Entry[]));
    return isDeepStrictEqual(states.at(-1), rows) && observed.every((reads) => couldObserve(states, reads));
  });
}

type Told = Pick<History, 'logs' | 'rows'> & Partial<History>;

function inWords({ logs, rows, observed = [] }: Told): string {
  const line = (value: unknown) => inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 5 });
  const entries = (log: readonly Entry[]) =>
    log.map(({ operation, outcome }) => `\n    ${line(operation)} -> ${line(outcome)}`);
  const parties = logs.map((log, i) => [`\n  T${i + 1}: `, ...(log === undefined ? ['rolled back'] : entries(log))]);
  // An observer reads much more often than the rows change.
  const observers = observed.map((log) => ['\n  observed:', ...new Set(entries(log))]);
  return [...parties, ...observers, `\n  left: ${line([...rows])}\n`].flat().join('');
}

/** @throws NotSerializable if no order of the committed transactions explains the history */
export async function requireSerialOrder(scenario: Scenario, history: History): Promise<void> {
  const { logs, rows } = history;
  const tried: string[] = [];
  for (const order of orders(committed(logs))) {
    const serial = await oneByOne(scenario, order);
    if (!isDeepStrictEqual(serial, { logs, rows })) {
      tried.push(`In the order ${order.map((party) => `T${party + 1}`).join(', ')}:${inWords(serial)}`);
      continue;
    }
    if (onlyCommits(scenario, history)) return;
    throw new NotSerializable(`Reads outside of transactions saw what no commits explain:${inWords(history)}`);
  }
  throw new NotSerializable(
    `No serial order of the transactions explains what happened:${inWords({ logs, rows })}${tried.join('')}`,
  );
}
