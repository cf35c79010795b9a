import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApiResult } from '../lambda/api-event.ts';

/** How long, and how much of, an unwanted body is still read so that its sender sees the answer. */
const LINGER_MS = 2_000;
const LINGER_BYTES = 16 * 1024 * 1024;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * Keeps reading for a while and discards the data. Closing a socket with unread data resets it, and the reset may overtake
 * the answer: the sender would see a broken connection and never learn why (RFC 9112, section 9.6).
 */
function drain(request: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let bytes = 0;
  const timer = setTimeout(resolve, LINGER_MS);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) resolve();
  });
  request
    .on('end', resolve)
    .on('error', () => resolve())
    .on('close', resolve)
    .resume();
  return promise.finally(() => clearTimeout(timer));
}

/** An answer in the form in which it is sent. */
export interface EncodedAnswer {
  readonly statusCode: number;
  readonly headers: ApiResult['headers'];
  readonly body: Buffer;
}

/** The bytes of a handler's result, so that its text can be freed while they are sent. */
export const encodeAnswer = ({ statusCode, headers, body }: ApiResult): EncodedAnswer => ({
  statusCode,
  headers,
  body: Buffer.from(body),
});

/**
 * Writes an answer, and waits until the operating system has all of it.
 * @param closing whether the connection must end with this answer
 */
export async function writeAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { statusCode, headers, body }: EncodedAnswer,
  closing: boolean,
): Promise<void> {
  // The connection broke while the call was served: the caller cannot be informed.
  if (response.destroyed) return;
  const unread = hasBody(request) && !request.complete;
  if (closing || unread) response.setHeader('Connection', 'close');
  const bodyless = statusCode === 204 || statusCode === 304;
  response.writeHead(statusCode, bodyless ? headers : { ...headers, 'Content-Length': body.length });
  // Only when the operating system has the answer is the call over and may its connection be closed.
  const closed = once(response, 'close');
  if (unread) {
    response.write(body);
    await Promise.race([drain(request), closed]);
    response.end(() => request.destroy());
  } else if (bodyless || request.method === 'HEAD') response.end();
  else response.end(body);
  await closed;
}
