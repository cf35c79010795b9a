import type { IncomingMessage } from 'node:http';
import { bodyTooLarge } from '../service/http/request-body.ts';
import { RequestError } from '../service/http/request-error.ts';
import { MAX_BODY_BYTES } from '../service/service.ts';

/**
 * The whole body of a request.
 * @throws RequestError body_too_large as soon as it is known to be; the rest stays unread
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw bodyTooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const take = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) reject(bodyTooLarge());
    else chunks.push(chunk);
  };
  const finish = (): void => resolve(Buffer.concat(chunks));
  // Its sender is gone; what came of it must not be taken for the whole.
  const breakOff = (): void => reject(new RequestError('malformed_request', 'The body ended early.'));
  // Before its turn came.
  if (request.destroyed) breakOff();
  request.on('data', take).on('end', finish).on('error', breakOff).on('close', breakOff);
  try {
    return await promise;
  } finally {
    request.off('data', take).off('end', finish).off('error', breakOff).off('close', breakOff);
    if (!request.complete) request.pause();
  }
}
