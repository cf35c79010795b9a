/** A small server on this machine that fakes a service of AWS. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface ServiceRequest {
  /** Name of the operation in services that speak JSON. */
  readonly operation: string;
  readonly body: string;
}

export interface ServiceAnswer {
  readonly status?: number;
  readonly type: string;
  readonly body: string;
}

export interface HttpService extends AsyncDisposable {
  readonly endpoint: string;
}

export async function serve(answer: (request: ServiceRequest) => ServiceAnswer): Promise<HttpService> {
  const server = createServer(async (incoming, outgoing) => {
    const operation = String(incoming.headers['x-amz-target'] ?? '')
      .split('.')
      .at(-1) as string;
    const { status = 200, type, body } = answer({ operation, body: await text(incoming) });
    outgoing.writeHead(status, { 'Content-Type': type }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
