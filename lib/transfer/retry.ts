import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError } from '../repository/errors.ts';

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;
/** How long a store may stay out of reach, or throttle, before a transfer gives up. */
export const RETRY_FOR_MS = 60_000;

/** Runs a call again, later and later, while it fails for a reason that may pass. The call must be safe to repeat. */
export async function withRetries<T>(call: () => Promise<T>, retryForMs = RETRY_FOR_MS): Promise<T> {
  let deadline: number | undefined;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StorageError) || !error.retryable) throw error;
      const now = performance.now();
      deadline ??= now + retryForMs;
      if (now + pause > deadline) throw error;
      // Not all workers at once: the store may be throttling.
      await sleep(pause * (0.5 + Math.random() / 2));
    }
  }
}
