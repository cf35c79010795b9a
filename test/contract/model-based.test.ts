/**
 * Random sequences of operations against every store, each compared with the oracle. A failure prints its seed, its
 * path and the shortest sequence that still fails; HFSTORAGE_TEST_SEED repeats it, HFSTORAGE_TEST_RUNS asks for more sequences.
 */
import { describe, test } from '@jest/globals';
import fc from 'fast-check';
import { begin, commands, compareAll, type Model } from './commands.ts';
import { Oracle } from './oracle.ts';
import { repositories } from './repositories.ts';
import type { OpenRepository, Reach } from './stores.ts';

const { HFSTORAGE_TEST_SEED: seed, HFSTORAGE_TEST_RUNS: runs } = process.env;
/** No new sequence is begun after so long, unless a number of them was asked for: machines differ. */
const ENOUGH_MS = runs === undefined ? 15_000 : Number.POSITIVE_INFINITY;
const TIMEOUT_MS = runs === undefined ? 120_000 : 3_600_000;

async function runSequence(
  store: OpenRepository,
  { knowsTimeOfCommit }: Reach,
  sequence: Iterable<fc.AsyncCommand<Model, OpenRepository>>,
): Promise<void> {
  const model: Model = { oracle: new Oracle(), knowsTimeOfCommit };
  await begin(model, store);
  await fc.asyncModelRun(() => ({ model, real: store }), sequence);
  await compareAll(model, store);
  await store.reopen();
  await compareAll(model, store);
}

describe.each(repositories)('$name', (factory) => {
  const parameters = {
    numRuns: Number(runs ?? (factory.remote ? 5 : 80)),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    endOnFailure: factory.remote,
  };

  test(
    'does what the model does',
    async () => {
      const start = Date.now();
      let failed = false;
      const sequences = fc.commands(commands, { maxCommands: 60, size: 'max' });
      const property = fc.asyncProperty(sequences, async (sequence) => {
        // What shrinks a failure has to run, however late it is.
        if (!failed && Date.now() - start > ENOUGH_MS) return;
        try {
          await using store = await factory.open();
          await runSequence(store, factory.reach, sequence);
        } catch (error) {
          failed = true;
          throw error;
        }
      });
      await fc.assert(property, parameters);
    },
    TIMEOUT_MS,
  );
});
