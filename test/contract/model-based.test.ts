/**
 * Random sequences of operations against every store, each compared with the oracle. A failure prints its seed, its
 * path and the shortest sequence that still fails; HFSTORAGE_TEST_SEED repeats it.
 */
import { test } from '@jest/globals';
import fc from 'fast-check';
import { isTrial, rounds, seed } from '../trials.ts';
import { begin, commands, compareAll, type Model } from './commands.ts';
import { onEveryRepository } from './on-every-store.ts';
import { Oracle } from './oracle.ts';
import type { OpenRepository, Reach } from './stores.ts';

/** Outside trials no new sequence starts after this long: machines differ. */
const ENOUGH_MS = isTrial ? Number.POSITIVE_INFINITY : 15_000;

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

onEveryRepository((_, factory) => {
  const { remote, variant = false } = factory;
  const share = (variant ? 0.4 : 1) / (remote ? 10 : 20);
  const parameters = { numRuns: rounds(remote ? 50 : 800, share), seed, endOnFailure: remote };

  test('behaves like the model', async () => {
    const start = Date.now();
    let failed = false;
    const sequences = fc.commands(commands, { maxCommands: 60, size: 'max' });
    const property = fc.asyncProperty(sequences, async (sequence) => {
      // Shrinking a failure must continue, even after the time limit.
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
  });
});
