import type { IncomingMessage } from 'node:http';
import { bodyTooLarge } from '../service/http/request-body.ts';
import { RequestError } from '../service/http/request-error.ts';
import { MAX_BODY_BYTES } from '../service/service.ts';

/**
 * The whole body of a request.
 * @throws RequestError body_too_large as soon as it exceeds the limit; the rest stays unread
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw bodyTooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const collect = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) reject(bodyTooLarge());
    else chunks.push(chunk);
  };
  const finish = (): void => resolve(Buffer.concat(chunks));
  // The sender is gone; a partial body must not be mistaken for the whole.
  const fail = (): void => reject(new RequestError('malformed_request', 'The body ended early.'));
  // The sender may have gone while the call was waiting.
  if (request.destroyed) fail();
  request.on('data', collect).on('end', finish).on('error', fail).on('close', fail);
  try {
    return await promise;
  } finally {
    request.off('data', collect).off('end', finish).off('error', fail).off('close', fail);
    if (!request.complete) request.pause();
  }
}
