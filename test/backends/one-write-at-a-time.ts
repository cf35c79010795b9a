/**
 * A proxy that lets one write through at a time. moto_server checks `If-Match` and stores the object in two steps, between
 * which another thread may interfere; S3 itself does both atomically.
 */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

export interface OneWriteProxy {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Starts the proxy in front of a server on 127.0.0.1. */
export async function startProxy(port: number): Promise<OneWriteProxy> {
  const agent = new Agent({ keepAlive: true });
  const forward = async ({ method, url, headers }: IncomingMessage, body: Buffer, answer: ServerResponse) => {
    const call = request({ host: '127.0.0.1', port, method, path: url, headers, agent });
    call.end(body);
    const [result] = (await once(call, 'response')) as [IncomingMessage];
    answer.writeHead(result.statusCode as number, result.headers);
    await pipeline(result, answer);
  };
  let lastWrite: Promise<unknown> = Promise.resolve();
  const server = createServer(async (incoming, answer) => {
    try {
      // A caller that dies in the middle of its body has written nothing.
      const body = await buffer(incoming);
      const work = (): Promise<void> => forward(incoming, body, answer).catch(() => void answer.destroy());
      if (incoming.method === 'GET' || incoming.method === 'HEAD') return await work();
      lastWrite = lastWrite.then(work);
      await lastWrite;
    } catch {
      answer.destroy();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    stop: async () => {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
