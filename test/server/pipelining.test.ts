/** Callers that send many requests at once, and read their answers slowly or not at all. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { logger } from '../../lib/lambda/api-log.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import { type RunningServer, startServer } from '../../lib/server/server.ts';
import { freePort } from '../backends/kept-process.ts';
import { launcher } from '../cli/run-hfstorage.ts';
import { callServer, callSocket, type RunningApi, startApi, template } from './running-api.ts';

let api: RunningApi;
let sockets: Socket[];
beforeEach(async () => {
  api = await startApi();
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await api.close();
});

const head = (method: string, path: string, more = '') =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
const get = (path: string, more?: string) => head('GET', path, more);
const LAST = 'Connection: close\r\n';
const LIST = '/v1/templates?limit=1000';

/** Sends requests and reads no answer. */
async function sendOnly(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').pause();
  sockets.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

async function serveQuietly(repository: Repository): Promise<RunningServer> {
  const server = await startServer({ repository, host: '127.0.0.1', port: 0 });
  logger.setLogLevel('SILENT');
  return server;
}

interface Counted {
  readonly server: RunningServer;
  /** The number of lists being prepared, and its maximum. */
  readonly lists: { now: number; most: number; all: number };
}

/** A server whose lists take a while and have 4 MB. */
async function countedServer(): Promise<Counted> {
  const lists = { now: 0, most: 0, all: 0 };
  const items = Array.from({ length: 800 }, (_, i) => ({
    ...template({ attributes: { text: 'x'.repeat(4_700) } }),
    template_id: `t-${i}`,
  }));
  const queryEntities = async (): Promise<unknown> => {
    lists.all += 1;
    lists.now += 1;
    lists.most = Math.max(lists.most, lists.now);
    await sleep(20);
    lists.now -= 1;
    return { items };
  };
  const repository: Repository = Object.assign(Object.create(api.repository), { queryEntities });
  return { server: await serveQuietly(repository), lists };
}

test('the answers to pipelined requests are complete and in order', async () => {
  const ids = Array.from({ length: 300 }, (_, i) => `t-${i}`);
  for (const id of ids) await api.saveTemplate(id);
  const calls = ids.map((id, i) => get(`/v1/templates/${id}`, i === ids.length - 1 ? LAST : ''));
  const answers = await callSocket(api.port, calls.join(''));
  expect([...answers.matchAll(/"template_id":"([^"]+)"/g)].map(([, id]) => id)).toEqual(ids);
});

test('pipelined requests with bodies, in more than one packet, take effect in order', async () => {
  const padding = 'x'.repeat(30_000);
  const put = (i: number) => {
    const body = JSON.stringify(template({ name: `n-${i}`, attributes: { padding } }));
    const more = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    return head('PUT', '/v1/templates/one', more) + body;
  };
  const puts = Array.from({ length: 40 }, (_, i) => put(i)).join('');
  const answers = await callSocket(api.port, puts + get('/v1/templates/one', LAST));
  const versions = [...answers.matchAll(/"version":(\d+)/g)].map(([, version]) => Number(version));
  expect(versions).toEqual([...Array.from({ length: 40 }, (_, i) => i + 1), 40]);
  expect(answers).toContain('"name":"n-39"');
});

test('a request is not started before the previous answer has been received', async () => {
  const { server, lists } = await countedServer();
  await sendOnly(server.port, get(LIST).repeat(250));
  await sleep(1_500);
  // The operating system buffers a few answers.
  expect(lists.most).toBe(1);
  expect(lists.all).toBeLessThan(10);
  for (const socket of sockets) socket.destroy();
  await server.close();
});

test('requests after the last one of a connection are not executed', async () => {
  await api.saveTemplate('kept');
  const answers = await callSocket(api.port, get('/v1/health', LAST) + head('DELETE', '/v1/templates/kept'));
  expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200']);
  expect((await api.call('GET', '/v1/templates/kept')).status).toBe(200);
});

test('a malformed request is refused after the answers to the requests before it', async () => {
  await api.saveTemplate('t-1');
  const broken = 'POST /v1/templates HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n';
  for (const last of ['BREW / HTTP/1.1\r\n\r\n', broken]) {
    const answers = await callSocket(api.port, get('/v1/templates/t-1').repeat(3) + last);
    expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual([...Array(3).fill('HTTP/1.1 200'), 'HTTP/1.1 400']);
  }
});

test('callers that read no lists neither fill the memory nor block lists and health for others', async () => {
  const { server, lists } = await countedServer();
  for (let i = 0; i < 20; i += 1) await sendOnly(server.port, get(LIST).repeat(20));
  await sleep(500);
  expect(lists.most).toBeLessThanOrEqual(8);
  const started = performance.now();
  expect((await callServer(server.port, 'GET', '/v1/health')).status).toBe(200);
  expect(performance.now() - started).toBeLessThan(5_000);
  // Callers that read nothing while others wait are disconnected.
  const list = await callServer(server.port, 'GET', LIST);
  expect((list.body.items as unknown[]).length).toBe(800);
  expect(lists.most).toBeLessThanOrEqual(8);
  for (const socket of sockets) socket.destroy();
  await server.close();
}, 60_000);

test('only connections with very many waiting requests are dropped', async () => {
  const released = Promise.withResolvers<void>();
  const repository: Repository = Object.assign(Object.create(api.repository), { health: () => released.promise });
  const server = await serveQuietly(repository);
  const modest = callSocket(server.port, get('/v1/health').repeat(20) + get('/v1/health', LAST));
  const flood = () => callSocket(server.port, get('/v1/health').repeat(1_200)).catch(() => '');
  await sleep(100);
  expect(await Promise.race(Array.from({ length: 20 }, flood))).toBe('');
  released.resolve();
  expect((await modest).match(/HTTP\/1.1 200/g)).toHaveLength(21);
  await server.close();
}, 30_000);

test('250 unread lists cost `hfstorage serve` less than 150 MB', async () => {
  for (let at = 0; at < 1000; at += 250) {
    const fields = template({ attributes: { text: 'x'.repeat(4_700) } });
    const entities = Array.from({ length: 250 }, (_, i) => ({ ...fields, template_id: `t-${at + i}` }));
    await api.repository.saveEntities('templates', entities as never);
  }
  const config = { storage: { strategy: 'json', json_strategy: { base_path: api.folder } } };
  await writeFile(join(api.folder, 'config.json'), JSON.stringify(config));
  const port = await freePort();
  const tellMemory = 'process.on("message", () => process.send(process.memoryUsage.rss()))';
  const args = ['--config', join(api.folder, 'config.json'), 'serve', '--port', String(port)];
  const server = spawn(process.execPath, ['--import', `data:text/javascript,${tellMemory}`, launcher, ...args], {
    cwd: api.folder,
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  });
  try {
    await once(server.stdout as Readable, 'data');
    await callServer(port, 'GET', LIST);
    const memory = async (): Promise<number> => {
      const told = once(server, 'message');
      server.send('memory');
      return (await told)[0] / (1024 * 1024);
    };
    const before = await memory();
    await sendOnly(port, get(LIST).repeat(250));
    let most = before;
    for (let i = 0; i < 20; i += 1) {
      expect((await callServer(port, 'GET', '/v1/health')).status).toBe(200);
      most = Math.max(most, await memory());
      await sleep(100);
    }
    expect(most - before).toBeLessThan(150);
  } finally {
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  }
}, 60_000);
