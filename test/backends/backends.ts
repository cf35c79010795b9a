/**
 * The servers of a test run, each started when the first test file asks for it. Jest's own process starts them and listens on
 * 127.0.0.1 for the test files, which run in other processes.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BackendName } from './backend.ts';
import type { Service } from './service.ts';

const starters: Readonly<Record<BackendName, () => Promise<Service>>> = {
  s3: async () => (await import('./s3.ts')).startS3(),
  postgresql: async () => (await import('./postgresql.ts')).startPostgresql(),
  dynamodb: async () => (await import('./dynamodb.ts')).startDynamodb(),
};

export interface Backends {
  /** The secret address for the requests of test files, `${url}/${name}`. */
  readonly url: string;
  /** Stops all that were started, even if stopping one fails. */
  stop(): Promise<void>;
}

export async function offerBackends(): Promise<Backends> {
  const started = new Map<BackendName, Promise<Service>>();
  const start = (name: BackendName): Promise<Service> => {
    const service = started.get(name) ?? starters[name]();
    started.set(name, service);
    return service;
  };
  const path = `/${randomUUID()}/`;
  const server = createServer(async ({ url = '' }, answer) => {
    const name = url.slice(path.length);
    if (!url.startsWith(path) || !Object.hasOwn(starters, name)) return void answer.writeHead(404).end();
    try {
      const { environment } = await start(name as BackendName);
      answer.end(JSON.stringify(environment));
    } catch (error) {
      answer.writeHead(503).end(error instanceof Error ? error.message : String(error));
    }
  });
  // An installation takes as long as it takes.
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path.slice(0, -1)}`,
    stop: async () => {
      await Promise.allSettled([...started.values()].map(async (service) => (await service).stop()));
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
