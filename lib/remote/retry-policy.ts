/** When a call is retried, and after which pause. */

export interface RetryPolicy {
  /** Time limit of one attempt. */
  readonly attemptMs: number;
  /** Time limit of all attempts and pauses together. */
  readonly totalMs: number;
  readonly attempts: number;
  /** Longest pause after the first attempt; it doubles with each further one. */
  readonly baseMs: number;
  readonly longestPauseMs: number;
}

/** The API ends every call within 25 s, API Gateway within 29 s. */
export const standardPolicy: RetryPolicy = {
  attemptMs: 30_000,
  totalMs: 90_000,
  attempts: 5,
  baseMs: 200,
  longestPauseMs: 5_000,
};

/** A pause after `attempt` (from 1): exponential with full jitter, so that callers do not all retry at once. */
export const pauseAfter = (
  attempt: number,
  { baseMs, longestPauseMs }: Pick<RetryPolicy, 'baseMs' | 'longestPauseMs'>,
): number => Math.random() * Math.min(longestPauseMs, baseMs * 2 ** (attempt - 1));

/** The wait of a `Retry-After` header in milliseconds; undefined if it is absent or malformed. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
