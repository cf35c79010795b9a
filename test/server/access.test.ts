import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startServer } from '../../lib/server/server.ts';
import { isLoopback } from '../../lib/service/loopback.ts';
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

  test('every call needs it, whatever there is at the path', async () => {
    for (const path of ['/v1/templates', '/v1/openapi.json', '/nothing', '/%zz']) {
      expect((await callServer(guarded.port, 'GET', path)).status).toBe(401);
    }
  });

  test('a call without it is answered before its body is read', async () => {
    const head = 'POST /v1/templates HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const answer = await callSocket(guarded.port, `${head}Content-Length: 1000000000\r\n\r\n{`);
    expect(answer).toMatch(/^HTTP\/1.1 401 /);
  });

  test('any Host is taken: a page of another site does not know the token', async () => {
    expect((await health(guarded, { Authorization: `Bearer ${TOKEN}`, Host: 'hostfactory.example' })).status).toBe(200);
  });
});

describe('without a token', () => {
  test.each(['localhost', 'LOCALHOST:8080', '127.0.0.1:1', '127.1.2.3', '[::1]:8080', 'hfs.localhost'])(
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

  test('an empty Host, and none where HTTP/1.0 needs none, are refused too', async () => {
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
        message: expect.stringContaining('HFS_API_TOKEN'),
      });
      await expect(start('')).rejects.toMatchObject({ code: 'configuration_invalid' });
    },
  );
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
