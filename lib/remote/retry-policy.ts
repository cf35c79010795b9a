/** When a call is retried, and after which pause. */

import type { Backoff } from '../repository/backoff.ts';

export interface RetryPolicy extends Backoff {
  /** Time limit of one attempt. */
  readonly attemptMs: number;
  /** Time limit of all attempts and pauses together. */
  readonly totalMs: number;
  readonly attempts: number;
}

/** The API ends every call within 25 s, API Gateway within 29 s. */
export const standardPolicy: RetryPolicy = {
  attemptMs: 30_000,
  totalMs: 90_000,
  attempts: 5,
  baseMs: 200,
  longestMs: 5_000,
};

/** The wait of a `Retry-After` header in milliseconds; undefined if it is absent or malformed. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
