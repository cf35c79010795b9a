import { setTimeout as sleep } from 'node:timers/promises';

export interface Backoff {
  /** Longest pause after the first attempt; it doubles with each further one. */
  readonly baseMs: number;
  readonly longestMs: number;
}

/**
 * A pause in milliseconds: exponential with full jitter, so that callers that collided do not collide again (AWS Architecture
 * Blog, "Exponential Backoff And Jitter").
 * @param attempt from 1
 */
export const pauseAfter = (attempt: number, { baseMs, longestMs }: Backoff): number =>
  Math.random() * Math.min(longestMs, baseMs * 2 ** (attempt - 1));

/** Waits for `pauseAfter`. */
export const backOff = (attempt: number, backoff: Backoff): Promise<void> => sleep(pauseAfter(attempt, backoff));
