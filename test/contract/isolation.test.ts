/**
 * Transactions of several clients at the same time: in the orders that fail without isolation, and at random. A
 * failure prints what each transaction read and what every serial order would have given. HFSTORAGE_TEST_SEED repeats the
 * random ones, though not their timing.
 */
import { test } from '@jest/globals';
import fc from 'fast-check';
import type { Repository } from '../../lib/repository/repository.ts';
import { isTrial, rounds, seed } from '../trials.ts';
import { anomalies, rows } from './isolation/anomalies.ts';
import { clientsOf } from './isolation/clients.ts';
import { happen } from './isolation/history.ts';
import type { Scenario } from './isolation/party.ts';
import { predicateAnomalies } from './isolation/predicate-anomalies.ts';
import { pausesOf, programs, scenarioOf } from './isolation/programs.ts';
import type { Client } from './isolation/rows.ts';
import { requireSerialOrder } from './isolation/serial-orders.ts';
import { onEveryRepository, testIfCapable } from './on-every-store.ts';

/** Outside trials no new programs start after this long: machines differ. */
const ENOUGH_MS = isTrial ? Number.POSITIVE_INFINITY : 3_000;

onEveryRepository((store, { capabilities: { queriesInTransactions }, reach, remote, variant }) => {
  let others: Promise<[Repository, Repository]> | undefined;
  /** Three processes, on rows of their own. */
  const clients = async (): Promise<Client[]> => {
    others ??= Promise.all([store().second(), store().second()]);
    return clientsOf([store().repository, ...(await others)]);
  };

  const check =
    (anomaly: Omit<Scenario, 'rows'>): (() => Promise<void>) =>
    async () => {
      const scenario = { rows, ...anomaly };
      await requireSerialOrder(scenario, await happen(await clients(), scenario));
    };
  for (const { name, ...anomaly } of anomalies) test(name, check(anomaly));

  const testQueries = testIfCapable(queriesInTransactions, 'the store cannot protect queries from phantoms');
  for (const { name, ...anomaly } of predicateAnomalies) testQueries(name, check(anomaly));

  const pauseUnit = remote ? 10 : 1;
  test('random transactions', async () => {
    const start = Date.now();
    let failed = false;
    const property = fc.asyncProperty(programs(queriesInTransactions, reach.noticesRecreation), async (input) => {
      // Shrinking a failure must continue, even after the time limit.
      if (!failed && Date.now() - start > ENOUGH_MS) return;
      const scenario = scenarioOf(input);
      try {
        await requireSerialOrder(scenario, await happen(await clients(), scenario, pausesOf(input, pauseUnit)));
      } catch (error) {
        failed = true;
        throw error;
      }
    });
    await fc.assert(property, {
      numRuns: rounds(remote ? 100 : 300, variant ? 1 / 25 : 1 / 10),
      seed,
      endOnFailure: remote,
    });
  });
});
