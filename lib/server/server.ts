/** The API on a port of this machine, with the same handlers that run on AWS. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiResult } from '../lambda/api-event.ts';
import { loggedError, logger } from '../lambda/api-log.ts';
import { ConfigurationError } from '../repository/errors.ts';
import type { Repository } from '../repository/repository.ts';
import type { Jobs } from '../service/jobs.ts';
import { requireSafeHost } from './access.ts';
import { AnswerBudgets, AnswerReservation } from './answer-budget.ts';
import { answerBrokenRequest, expectationFailed } from './broken-requests.ts';
import { Connections } from './connections.ts';
import { serveCall } from './serve-call.ts';
import { encodeAnswer, writeAnswer } from './write-answer.ts';

export interface ServerOptions {
  /** Owned by the caller: close it after the server. */
  readonly repository: Repository;
  /** Migrations and backups; without it, calls on them are refused. Owned by the caller too. */
  readonly jobs?: Jobs | undefined;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Every call must carry it. Required on a host that other machines can reach. */
  readonly token?: string | undefined;
}

export interface RunningServer {
  /** For example `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Accepts no more calls, waits for those in progress (30 s at most) and ends. */
  close(): Promise<void>;
}

/** Time that a request, and its headers alone, may take to arrive. */
const REQUEST_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 15_000;

const listenProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program. Choose another with --port, or 0 for any free one.',
  EACCES: 'may not be used by this user. Choose one above 1023 with --port.',
  EADDRNOTAVAIL: 'is not an address of this machine. Choose one with --host.',
  ENOTFOUND: 'has a host that does not resolve. Choose an address of this machine with --host.',
};

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen({ port, host }, resolve);
  try {
    await promise;
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    const problem = listenProblems[code] ?? `cannot be listened on: ${message}`;
    throw new ConfigurationError(`Port ${port} of ${host} ${problem}`, { cause });
  }
  server.off('error', reject);
  return server.address() as AddressInfo;
}

/**
 * Serves the API until `close`.
 * @throws ConfigurationError if the port cannot be used, or if other machines can reach the host and there is no token
 */
export async function startServer({ repository, jobs, host, port, token }: ServerOptions): Promise<RunningServer> {
  const secret = token === '' ? undefined : token;
  requireSafeHost(host, secret);
  // Standard output belongs to the command that serves; warnings and errors go to standard error.
  if (process.env.POWERTOOLS_LOG_LEVEL === undefined) logger.setLogLevel('WARN');
  const services = { repository, ...(jobs !== undefined && { jobs }) };
  const server = createServer({
    requireHostHeader: false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
  });
  const connections = new Connections(server);
  const budgets = new AnswerBudgets();
  type Serve = (request: IncomingMessage, reservation: AnswerReservation) => Promise<ApiResult>;
  const answer = async (request: IncomingMessage, response: ServerResponse, serve: Serve): Promise<void> => {
    using reservation = new AnswerReservation(request.socket, budgets);
    try {
      const encoded = encodeAnswer(await serve(request, reservation));
      reservation.send(encoded.body.length);
      await writeAnswer(request, response, encoded, !server.listening);
      if (!response.writableFinished) logger.warn('answer not taken', { bytes: encoded.body.length });
    } catch (error) {
      // The connection broke while the answer was written: the caller cannot be informed.
      logger.warn('connection lost', { error: loggedError(error) });
      request.destroy();
    }
  };
  const answerBy = (serve: Serve) => (request: IncomingMessage, response: ServerResponse) =>
    connections.serve(request, () => answer(request, response, serve));
  server.on(
    'request',
    answerBy((request, reservation) => serveCall(request, services, secret, reservation)),
  );
  server.on(
    'checkExpectation',
    answerBy(async () => expectationFailed()),
  );
  server.on('clientError', (error, socket) =>
    connections.breakOff(socket, error, () => answerBrokenRequest(error, socket)),
  );
  const address = await listen(server, host, port);
  const name = host.includes(':') ? `[${host}]` : host;
  return { url: `http://${name}:${address.port}`, port: address.port, close: () => connections.close() };
}
