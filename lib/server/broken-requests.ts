/** Answers to requests that Node cannot parse and that therefore reach no handler. */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ApiResult, toProxyResult } from '../lambda/api-event.ts';
import type { ProblemCode } from '../service/http/problem-types.ts';
import { problemAnswer } from '../service/http/problems.ts';
import { RequestError } from '../service/http/request-error.ts';

const known: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers and the URL together may take at most 16 KB. Shorten them.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive in time. Send it again.'],
};

const refusal = (code: ProblemCode, detail: string): ApiResult =>
  toProxyResult(problemAnswer(new RequestError(code, detail)), randomUUID());

/** The answer to an `Expect` header other than `100-continue`. */
export const expectationFailed = (): ApiResult =>
  refusal('expectation_failed', 'The only Expect header this server supports is 100-continue.');

/** Answers on the bare socket and ends the connection. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [code, detail] = known[error.code ?? ''] ?? ['malformed_request', 'This is not an HTTP/1.1 request.'];
  const { statusCode, headers, body } = refusal(code, detail);
  const lines = Object.entries({ ...headers, 'Content-Length': String(Buffer.byteLength(body)), Connection: 'close' });
  const head = [
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
