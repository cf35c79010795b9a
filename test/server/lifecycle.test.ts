import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Repository } from '../../lib/repository/repository.ts';
import { type RunningServer, startServer } from '../../lib/server/server.ts';
import { callServer, type RunningApi, startApi } from './running-api.ts';

let api: RunningApi;
beforeEach(async () => {
  api = await startApi();
});
afterEach(() => api.close());

/** A server whose calls to `health` wait until they are released. */
async function slowServer(): Promise<{ server: RunningServer; started: Promise<void>; letGo: () => void }> {
  const started = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const health = (): Promise<void> => {
    started.resolve();
    return released.promise;
  };
  const repository: Repository = Object.assign(Object.create(api.repository), { health });
  const server = await startServer({ repository, host: '127.0.0.1', port: 0 });
  return { server, started: started.promise, letGo: released.resolve };
}

describe('close', () => {
  test('waits for the calls in progress and accepts no more', async () => {
    const { server, started, letGo } = await slowServer();
    const underWay = callServer(server.port, 'GET', '/v1/health');
    await started;
    let closed = false;
    const closing = server.close().then(() => {
      closed = true;
    });
    await expect(callServer(server.port, 'GET', '/v1/health')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(closed).toBe(false);
    letGo();
    const reply = await underWay;
    expect(reply).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(reply.headers.get('connection')).toBe('close');
    await closing;
  });

  test('does not wait for idle connections, or for those that never sent anything', async () => {
    const agent = new Agent({ keepAlive: true });
    const response = await new Promise<NodeJS.ReadableStream>((resolve) =>
      get(`${api.url}/v1/health`, { agent }, resolve),
    );
    await once(response.resume(), 'end');
    const silent = connect(api.port, '127.0.0.1');
    await once(silent, 'connect');
    await sleep(20);
    const started = performance.now();
    await api.close();
    // Node keeps an idle connection for 5 s.
    expect(performance.now() - started).toBeLessThan(4_500);
    agent.destroy();
    silent.destroy();
  });

  test('may be called twice', async () => {
    const { server } = await slowServer();
    await Promise.all([server.close(), server.close()]);
    await server.close();
  });
});

describe('startServer', () => {
  test('returns its address', async () => {
    expect(api.url).toBe(`http://127.0.0.1:${api.port}`);
    const server = await startServer({ repository: api.repository, host: '::1', port: 0 });
    expect(server.url).toBe(`http://[::1]:${server.port}`);
    expect((await fetch(`${server.url}/v1/health`)).status).toBe(200);
    await server.close();
  });

  test('reports a port in use', async () => {
    await expect(startServer({ repository: api.repository, host: '127.0.0.1', port: api.port })).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringMatching(new RegExp(`Port ${api.port} of 127.0.0.1 is in use`)),
    });
  });

  test('reports an address that does not belong to this machine', async () => {
    const start = startServer({ repository: api.repository, host: '192.0.2.1', port: 0, token: 'secret' });
    await expect(start).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('--host'),
    });
  });
});

test('calls on one connection are answered in turn', async () => {
  const socket = connect(api.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const call = 'GET /v1/health HTTP/1.1\r\nHost: localhost\r\n';
  socket.write(`${call}\r\n${call}\r\n${call}Connection: close\r\n\r\n`);
  await once(socket, 'close');
  expect(
    Buffer.concat(chunks)
      .toString()
      .match(/HTTP\/1.1 200 OK/g),
  ).toHaveLength(3);
});

test('a connection serves calls after one whose body was not read', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const large = await fetch(`${api.url}/v1/templates`, { method: 'POST', body: 'x'.repeat(7_000_000) });
  expect(large.status).toBe(413);
  expect((await callServer(api.port, 'GET', '/v1/health')).status).toBe(200);
  agent.destroy();
});
