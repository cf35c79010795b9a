/**
 * How long randomised tests and tests that kill processes run. `npm run trials` (`HFSTORAGE_TRIALS=1`) runs them at full length,
 * every other run a tenth.
 */
import { randomInt } from 'node:crypto';

export const isTrial = process.env.HFSTORAGE_TRIALS !== undefined;

/** This many rounds in a trial, otherwise a tenth of them, or another share. */
export const rounds = (full: number, share = 1 / 10): number => (isTrial ? full : Math.ceil(full * share));

/** The seed of everything random: a new one in each run, unless `HFSTORAGE_TEST_SEED` repeats one. */
export const seed = Number(process.env.HFSTORAGE_TEST_SEED ?? randomInt(2 ** 31));

/** For the title of a random test without fast-check, which would report its seed itself. */
export const seedTitle = `HFSTORAGE_TEST_SEED=${seed}`;

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function seededRandom(): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
