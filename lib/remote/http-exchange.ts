/** One request and its answer over HTTP/1.1, on keep-alive connections. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { RemoteTarget } from './remote-target.ts';

export interface OutgoingRequest {
  readonly method: string;
  /** With its query, exactly as sent. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** The request did not reach the service: a retry cannot repeat its effect. */
export class NotSent extends Error {}

/** The request was sent, at least in part, but no complete answer arrived. */
export class NoAnswer extends Error {}

/** More than any answer of the API; something else may be answering at its address. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** Idle connections are closed before most servers and load balancers would close them. */
const IDLE_MS = 20_000;

// Not fetch: it resolves dot segments of a path even if they are percent-encoded, and `..` may be an id.
export class HttpExchange {
  readonly #target: RemoteTarget;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(target: RemoteTarget) {
    this.#target = target;
    const options = { keepAlive: true, timeout: IDLE_MS };
    this.#agent = target.secure ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /**
   * Sends a request and reads the whole answer.
   * @param timeLimitMs limit for the whole exchange
   * @throws NotSent, NoAnswer
   */
  send({ method, path, headers, body }: OutgoingRequest, timeLimitMs: number): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const { secure, hostname, port } = this.#target;
    const request = (secure ? httpsRequest : httpRequest)({
      host: hostname,
      port,
      method,
      path,
      headers: { ...headers, ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }) },
      agent: this.#agent,
    });
    const wasSent = watchSending(request, secure);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      request.destroy();
    }, timeLimitMs);
    const fail = (error: Error): void => {
      const reason = timedOut ? `no answer arrived within ${Math.round(timeLimitMs / 1000)} s` : error.message;
      reject(wasSent() ? new NoAnswer(reason, { cause: error }) : new NotSent(reason, { cause: error }));
    };
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) request.destroy(new Error('the answer is larger than any answer of the API'));
        else chunks.push(chunk);
      });
      response.on('error', fail);
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, text: Buffer.concat(chunks).toString() });
      });
    });
    request.on('error', fail).end(body);
    return promise.finally(() => clearTimeout(timer));
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Tracks whether any part of a request may have reached the server: not before its connection is established. */
function watchSending(request: ClientRequest, secure: boolean): () => boolean {
  let sent = false;
  request.once('socket', (socket: Socket) => {
    if (socket.connecting) {
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        sent = true;
      });
    } else sent = true;
  });
  return () => sent;
}
