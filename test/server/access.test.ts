import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startServer } from '../../lib/server/server.ts';
import { isLoopback } from '../../lib/service/http/loopback.ts';
import { callServer, callSocket, type RunningApi, startApi } from './running-api.ts';

const TOKEN = 'a-secret-token';
let open: RunningApi;
let guarded: RunningApi;
beforeAll(async () => {
  open = await startApi();
  guarded = await startApi({ token: TOKEN });
});
afterAll(async () => {
  await open.close();
  await guarded.close();
});

const health = (api: RunningApi, headers: Record<string, string>) =>
  callServer(api.port, 'GET', '/v1/health', { headers });

describe('with a token', () => {
  test.each([`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER  ${TOKEN} `])('%j is answered', async (authorization) => {
    expect((await health(guarded, { Authorization: authorization })).status).toBe(200);
  });

  test.each([
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Basic ${TOKEN}`,
    TOKEN,
    `Bearer ${TOKEN} x`,
  ])('%j is answered with 401', async (authorization) => {
    const reply = await health(guarded, { Authorization: authorization });
    expect(reply).toMatchObject({ status: 401, body: { type: 'urn:hostfactory:problem:unauthorized' } });
    expect(reply.headers.get('www-authenticate')).toMatch(/^Bearer realm=/);
  });

  test('every call needs it, whatever the path', async () => {
    for (const path of ['/v1/templates', '/v1/openapi.json', '/nothing', '/%zz']) {
      expect((await callServer(guarded.port, 'GET', path)).status).toBe(401);
    }
  });

  test('a call without it is answered before its body is read', async () => {
    const head = 'POST /v1/templates HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const answer = await callSocket(guarded.port, `${head}Content-Length: 1000000000\r\n\r\n{`);
    expect(answer).toMatch(/^HTTP\/1.1 401 /);
  });

  test('any Host is accepted: a page of another site does not know the token', async () => {
    expect((await health(guarded, { Authorization: `Bearer ${TOKEN}`, Host: 'hostfactory.example' })).status).toBe(200);
  });
});

describe('without a token', () => {
  test.each(['localhost', 'LOCALHOST:8080', '127.0.0.1:1', '127.1.2.3', '[::1]:8080', 'hfstorage.localhost'])(
    'the Host %s is answered',
    async (host) => {
      expect((await health(open, { Host: host })).status).toBe(200);
    },
  );

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '0.0.0.0',
    'evil.example:8080',
  ])('the Host %j is refused, against DNS rebinding', async (host) => {
    const reply = await health(open, { Host: host });
    expect(reply).toMatchObject({ status: 421, body: { type: 'urn:hostfactory:problem:misdirected_request' } });
  });

  test('an empty Host is refused, and so is a missing one in HTTP/1.0', async () => {
    expect(await callSocket(open.port, 'GET /v1/health HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n')).toMatch(
      / 421 /,
    );
    expect(await callSocket(open.port, 'GET /v1/health HTTP/1.0\r\n\r\n')).toMatch(/ 421 /);
  });

  test.each(['0.0.0.0', '::', '', '192.0.2.1', 'hostfactory.example'])(
    'a server on %j is not started',
    async (host) => {
      const start = (token?: string) => startServer({ repository: open.repository, host, port: 0, token });
      await expect(start()).rejects.toMatchObject({
        code: 'configuration_invalid',
        message: expect.stringContaining('HFSTORAGE_API_TOKEN'),
      });
      await expect(start('')).rejects.toMatchObject({ code: 'configuration_invalid' });
    },
  );
});

describe('a call that changes something', () => {
  const problem = {
    status: 403,
    body: { type: 'urn:hostfactory:problem:cross_site_call', detail: expect.any(String) },
  };
  const own = () => `127.0.0.1:${open.port}`;
  const writes = [
    ['POST', '/v1/backups'],
    ['POST', '/v1/templates'],
    ['PUT', '/v1/templates/cross'],
    ['PATCH', '/v1/templates/cross'],
    ['DELETE', '/v1/templates/cross'],
  ] as const;

  test.each<[string, Record<string, string>]>([
    ['of another site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['of another host of the same site', { 'Sec-Fetch-Site': 'same-site' }],
    ['of another site, in an older browser', { Origin: 'https://evil.example' }],
    ['on another port of this machine', { Origin: 'http://127.0.0.1:1' }],
    ['without an origin, such as a sandboxed frame', { Origin: 'null' }],
    ['with an origin that cannot be read', { Origin: 'evil' }],
    ['of another origin, whatever else it says', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'same-origin' }],
  ])('from a page %s is refused', async (_, headers) => {
    for (const [method, path] of writes) {
      expect(await callServer(open.port, method, path, { headers })).toMatchObject(problem);
      const withToken = { ...headers, Authorization: `Bearer ${TOKEN}` };
      expect(await callServer(guarded.port, method, path, { headers: withToken })).toMatchObject(problem);
    }
  });

  test.each<[string, () => Record<string, string>]>([
    ['a program', () => ({})],
    ['the address bar', () => ({ 'Sec-Fetch-Site': 'none' })],
    ['a page of its own', () => ({ 'Sec-Fetch-Site': 'same-origin', Origin: `http://${own()}` })],
    ['a page of its own, in an older browser', () => ({ Origin: `http://${own()}` })],
    ['its own page on the default port', () => ({ Host: 'localhost:80', Origin: 'http://localhost' })],
    ['its own page behind TLS', () => ({ Host: 'localhost', Origin: 'https://localhost' })],
  ])('from %s is accepted', async (_, headers) => {
    const call = await callServer(open.port, 'DELETE', '/v1/templates/cross', { headers: headers() });
    expect(call).toMatchObject({ status: 404, body: { type: 'urn:hostfactory:problem:entity_not_found' } });
  });

  test('with a foreign Host stays refused, also from a page of that host', async () => {
    const headers = { Host: 'evil.example', Origin: 'http://evil.example', 'Sec-Fetch-Site': 'same-origin' };
    expect((await callServer(open.port, 'POST', '/v1/backups', { headers })).status).toBe(421);
  });

  test('is also refused if it only reads, but GET is not', async () => {
    const headers = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' };
    expect((await callServer(open.port, 'POST', '/v1/batch/get', { headers })).status).toBe(403);
    expect((await callServer(open.port, 'GET', '/v1/health', { headers })).status).toBe(200);
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.255.255.254', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['128.0.0.1', false],
  ['::2', false],
  ['localhost.example', false],
])('isLoopback(%s) is %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
