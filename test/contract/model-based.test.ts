/**
 * Random sequences of operations against every store, each compared with the oracle. A failure prints its seed, its
 * path and the shortest sequence that still fails; HFS_TEST_SEED repeats it, HFS_TEST_RUNS asks for more sequences.
 */
import { describe, test } from '@jest/globals';
import fc from 'fast-check';
import { begin, commands, compareAll, type Model } from './commands.ts';
import { Oracle } from './oracle.ts';
import { stores } from './stores.ts';

const { HFS_TEST_SEED: seed, HFS_TEST_RUNS: runs } = process.env;
const TIMEOUT_MS = 600_000;

describe.each(stores)('$name', (factory) => {
  const parameters = {
    numRuns: Number(runs ?? (factory.remote ? 5 : 80)),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    endOnFailure: factory.remote,
  };

  test(
    'does what the model does',
    async () => {
      const sequences = fc.commands(commands, { maxCommands: 60, size: 'max' });
      const property = fc.asyncProperty(sequences, async (sequence) => {
        await using store = await factory.open();
        const model: Model = { oracle: new Oracle() };
        await begin(model, store);
        await fc.asyncModelRun(() => ({ model, real: store }), sequence);
        await compareAll(model, store);
        await store.reopen();
        await compareAll(model, store);
      });
      await fc.assert(property, parameters);
    },
    TIMEOUT_MS,
  );
});
