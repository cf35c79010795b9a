import { RequestError } from './request-error.ts';

/** Every call ends within this time. API Gateway: 29 s. */
export const CALL_DEADLINE_MS = 25_000;

/**
 * The outcome of `work`, or an error once `milliseconds` have passed. The work itself continues and may still be stored.
 * @throws RequestError deadline_exceeded, and what `work` throws
 */
export async function withDeadline<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const detail =
        `The call did not end within ${milliseconds / 1000} s, and it is not known whether it took effect. Retry it ` +
        'with If-Match, a version or a request_id, so that it cannot take effect twice.';
      reject(new RequestError('deadline_exceeded', detail));
    }, milliseconds);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}
