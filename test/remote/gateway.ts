/**
 * An intermediary between a caller and the API: forwards calls unchanged to a local server, checks signatures and API keys
 * like API Gateway and the User-Agent like AWS WAF, and breaks calls when a test says so.
 */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { scopeOf, signatureOf, type WireRequest } from './signature-check.ts';

export interface CannedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * The fate of a call:
 * - `lose request`: the connection breaks, and the server does not get it;
 * - `lose answer`: the server does its work, and the connection breaks before the answer;
 * - `break answer`: half of the answer comes through;
 * - `hang`: the server does its work, and nothing comes back;
 * - an answer: the server does not get it, and the caller gets that;
 * - `pass`: nothing.
 */
export type Fate = 'pass' | 'lose request' | 'lose answer' | 'break answer' | 'hang' | CannedAnswer;

export interface Gateway {
  readonly url: string;
  readonly port: number;
  /** Calls so far, for example `GET /v1/templates/t1`. */
  readonly calls: readonly string[];
  /** The last call as received. */
  readonly last: WireRequest;
  readonly connections: number;
  /** The next calls that match meet these fates, in order; others go through. */
  fate(pattern: RegExp, ...fates: Fate[]): void;
  /** Removes the fates that no call has met. */
  calm(): void;
  close(): Promise<void>;
}

export interface GatewayOptions {
  /** Port of the server behind it. */
  readonly port: number;
  /** Stage in front of the API's paths, such as `/prod`. */
  readonly stage?: string;
  /** Secrets by access key, if calls must be signed for this region. */
  readonly signed?: { readonly region: string; readonly secrets: Readonly<Record<string, string>> };
  /** The API key of a usage plan, if calls must carry one. */
  readonly apiKey?: string;
}

interface ServerAnswer {
  readonly response: IncomingMessage;
  readonly body: Buffer;
}

async function forward(port: number, { method, target, headers, body }: WireRequest): Promise<ServerAnswer> {
  // Like API Gateway: it does not pass on the identity, and the host is the server's.
  const { authorization, host: _, ...rest } = headers;
  const passed = authorization?.startsWith('Bearer ') ? { ...rest, authorization } : rest;
  const outgoing = httpRequest({ host: '127.0.0.1', port, method, path: target, headers: passed });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { response, body: await buffer(response) };
}

const refusal = (message: string): CannedAnswer => ({
  status: 403,
  headers: { 'Content-Type': 'application/json', 'x-amzn-ErrorType': 'ForbiddenException' },
  body: JSON.stringify({ message }),
});

function checkSignature(request: WireRequest, { region, secrets }: NonNullable<GatewayOptions['signed']>) {
  const scope = scopeOf(request.headers.authorization);
  if (scope === undefined) return refusal('Missing Authentication Token');
  const secret = secrets[scope.accessKeyId];
  if (secret === undefined) return refusal('The security token included in the request is invalid.');
  const right = scope.region === region && scope.service === 'execute-api';
  if (right && signatureOf(request, scope, secret) === scope.signature) return undefined;
  return refusal(
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
  );
}

function answer(response: ServerResponse, { status, headers = {}, body = '' }: CannedAnswer): void {
  response.writeHead(status, headers).end(body);
}

export async function startGateway({ port: target, stage = '', signed, apiKey }: GatewayOptions): Promise<Gateway> {
  const calls: string[] = [];
  const fates: { pattern: RegExp; left: Fate[] }[] = [];
  let connections = 0;
  let last: WireRequest | undefined;

  const fateOf = (call: string): Fate | undefined =>
    fates.find(({ pattern, left }) => left.length > 0 && pattern.test(call))?.left.shift();

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = incoming;
    const headers = incoming.headers as Record<string, string>;
    last = { method, target: url, headers, body: await buffer(incoming) };
    const call = `${method} ${url}`;
    calls.push(call);
    const fate = fateOf(call);
    if (fate === 'lose request') return void incoming.socket.destroy();
    if (typeof fate === 'object') return answer(response, fate);
    // AWS WAF's common rules, which apply first: NoUserAgent_HEADER.
    if (!headers['user-agent']) return answer(response, refusal('Forbidden'));
    const refused = signed === undefined ? undefined : checkSignature(last, signed);
    if (refused !== undefined) return answer(response, refused);
    if (!url.startsWith(`${stage}/`)) return answer(response, refusal('Missing Authentication Token'));
    if (apiKey !== undefined && headers['x-api-key'] !== apiKey) return answer(response, refusal('Forbidden'));
    const reply = await forward(target, { ...last, target: url.slice(stage.length) });
    if (fate === 'hang') return;
    if (fate === 'lose answer') return void incoming.socket.destroy();
    const { 'content-length': length, connection: _, ...passed } = reply.response.headers as Record<string, string>;
    const size = length === undefined ? {} : { 'content-length': length };
    response.writeHead(reply.response.statusCode ?? 0, { ...passed, ...size });
    if (fate !== 'break answer') return void response.end(reply.body);
    response.write(reply.body.subarray(0, reply.body.length / 2), () => incoming.socket.destroy());
  };

  const server = createServer((incoming, response) => {
    // A caller that gives up breaks its connection, which some tests check.
    serve(incoming, response).catch(() => incoming.socket.destroy());
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${stage}`,
    port,
    calls,
    get last() {
      if (last === undefined) throw new Error('There was no call.');
      return last;
    },
    get connections() {
      return connections;
    },
    fate: (pattern, ...left) => {
      fates.push({ pattern, left });
    },
    calm: () => {
      fates.length = 0;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
