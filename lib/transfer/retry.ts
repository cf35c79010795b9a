import { setTimeout as sleep } from 'node:timers/promises';
import { pauseAfter } from '../repository/backoff.ts';
import { StorageError } from '../repository/errors.ts';

const BACKOFF = { baseMs: 100, longestMs: 5_000 };
/** How long a store may stay out of reach, or throttle, before a transfer gives up. */
export const RETRY_FOR_MS = 60_000;

/** Runs a call again, later and later, while it fails for a reason that may pass. The call must be safe to repeat. */
export async function withRetries<T>(call: () => Promise<T>, retryForMs = RETRY_FOR_MS): Promise<T> {
  let deadline: number | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StorageError) || !error.retryable) throw error;
      const now = performance.now();
      deadline ??= now + retryForMs;
      const pause = pauseAfter(attempt, BACKOFF);
      if (now + pause > deadline) throw error;
      await sleep(pause);
    }
  }
}
