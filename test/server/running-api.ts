/** The API on a free port, with a JSON store in its own folder, and functions to call it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logger } from '../../lib/lambda/api-log.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import { startServer } from '../../lib/server/server.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';

export type Body = Record<string, unknown>;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; an empty object if there is none. */
  readonly body: Body;
}

export interface CallOptions {
  /** A string is sent unchanged, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

/** Calls a path exactly as written: fetch would resolve dot segments and encode characters. */
export function callServer(port: number, method: string, path: string, options: CallOptions = {}): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const { body, headers = {} } = options;
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const bytes = body === undefined ? undefined : Buffer.from(isRaw ? body : JSON.stringify(body));
  const type = bytes === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': bytes.length };
  const request = httpRequest(
    { host: '127.0.0.1', port, method, path, headers: { ...type, ...headers } },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
          text,
          body: text === '' ? {} : JSON.parse(text),
        });
      });
    },
  );
  // The server may answer and hang up before it has read everything.
  request.on('error', reject).end(bytes);
  return promise;
}

/** Sends bytes on a bare socket and returns the answer until the server hangs up. */
export function callSocket(port: number, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', reject).on('close', () => resolve(Buffer.concat(chunks).toString()));
  return promise;
}

export interface RunningApi {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly repository: Repository;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** Saves the template `id`, without a limit on machines. */
  saveTemplate(id: string, fields?: Body): Promise<void>;
  close(): Promise<void>;
}

export const template = (fields: Body = {}): Body => ({
  name: 'Standard',
  provider_api: 'RunInstances',
  vm_type: 't3.medium',
  max_number: -1,
  ...fields,
});

type StartApi = (options?: { readonly token?: string }) => Promise<RunningApi>;

let start: StartApi = startLocalApi;

/** Runs the following tests of this file on another API than the local server. */
export function useApi(other: StartApi): void {
  start = other;
}

/** Starts the API. */
export const startApi: StartApi = (options) => start(options);

/** Starts the local server. Its log is silent: the tests check answers. */
async function startLocalApi({ token }: { readonly token?: string } = {}): Promise<RunningApi> {
  const folder = await mkdtemp(join(tmpdir(), 'hfstorage-api-'));
  const repository = await openRepository({
    storage: { strategy: 'json', json_strategy: { base_path: folder, sync_writes: false } },
  });
  const server = await startServer({ repository, host: '127.0.0.1', port: 0, token });
  logger.setLogLevel('SILENT');
  return {
    url: server.url,
    port: server.port,
    folder,
    repository,
    call: (method, path, options) => callServer(server.port, method, path, options),
    saveTemplate: async (id, fields) => {
      await repository.saveEntity('templates', { ...template(fields), template_id: id } as never);
    },
    close: async () => {
      await server.close();
      await repository.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
