/** Answers of API Gateway, proxies and web servers, which do not use the API's problems. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AnswerLostError } from '../../lib/remote/remote-errors.ts';
import { rejection } from '../contract/rejection.ts';
import { saveTemplate } from '../contract/samples.ts';
import type { CannedAnswer } from './gateway.ts';
import { quick, type RemoteApi, startRemoteApi } from './remote-api.ts';

let remote: RemoteApi;
beforeAll(async () => {
  remote = await startRemoteApi();
});
afterAll(() => remote.close());

const json = (status: number, body: unknown): CannedAnswer => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});
const html = (status: number): CannedAnswer => ({
  status,
  headers: { 'Content-Type': 'text/html; charset=utf-8' },
  body: '<html><body>Bad Gateway</body></html>',
});

const refusals: readonly [string, CannedAnswer, string, RegExp][] = [
  [
    'a path that is not deployed',
    json(403, { message: 'Missing Authentication Token' }),
    'access_denied',
    /nothing at this path.*\/prod/,
  ],
  [
    'a resource policy or firewall',
    json(403, { message: 'Forbidden' }),
    'access_denied',
    /may require an API key: give it with --api-key-file or HFSTORAGE_API_KEY\. Otherwise .*the resource policy and the firewall/,
  ],
  [
    'an identity that may not call',
    json(403, {
      Message: 'User: arn:aws:iam::1:user/a is not authorized to perform: execute-api:Invoke on resource: b',
    }),
    'access_denied',
    /arn:aws:iam::1:user\/a .*must allow this identity execute-api:Invoke/,
  ],
  [
    'a clock that is wrong',
    json(403, { message: 'Signature expired: 20261122T000000Z is now earlier than 20261123T000000Z' }),
    'access_denied',
    /check the clock/,
  ],
  [
    'credentials that have expired',
    json(403, { message: 'The security token included in the request is expired' }),
    'access_denied',
    /Renew the credentials/,
  ],
  ['no reason', html(403), 'access_denied', /\(403: no reason given\)\. Check the credentials/],
  ['no body', { status: 401 }, 'access_denied', /401/],
  [
    'a redirect',
    { status: 302, headers: { Location: 'https://login.example.com/?token=secret' } },
    'unexpected_answer',
    /redirects to https:\/\/login\.example\.com\/ \(302\)/,
  ],
  ['a redirect to nowhere', { status: 308 }, 'unexpected_answer', /redirects elsewhere \(308\)/],
  [
    'a page',
    html(200),
    'unexpected_answer',
    /something that is not the API's \(text\/html, status 200\)\. Check the URL/,
  ],
  ['a page that is not found', html(404), 'unexpected_answer', /text\/html, status 404/],
  ['another service', json(404, { message: 'no Route matched' }), 'unexpected_answer', /404: no Route matched/],
  ['a list', json(200, []), 'unexpected_answer', /application\/json, status 200/],
  ['no type', { status: 200, body: 'ok' }, 'unexpected_answer', /no type, status 200/],
  [
    'JSON that is none',
    { status: 200, headers: { 'Content-Type': 'application/json' }, body: '{' },
    'unexpected_answer',
    /status 200/,
  ],
  [
    'a body too large for the gateway',
    json(413, { message: 'Request Too Long' }),
    'unexpected_answer',
    /413: Request Too Long/,
  ],
];

test.each(refusals)('%s: one message, and no retry', async (_, answer, code, message) => {
  const before = remote.gateway.calls.length;
  remote.gateway.fate(/./, answer);
  const error = await rejection(remote.open().getEntity('templates', 't'));
  expect(error).toMatchObject({ code, retryable: false, message: expect.stringMatching(message) });
  expect(error.message.startsWith(remote.gateway.url)).toBe(true);
  expect(error.message).not.toContain('secret');
  expect(error.message).not.toContain('\n');
  expect(remote.gateway.calls).toHaveLength(before + 1);
});

test.each([
  [
    'a gateway without its service',
    json(502, { message: 'Internal server error' }),
    /cannot answer now \(502: Internal/,
  ],
  [
    'a gateway that waited too long',
    json(504, { message: 'Endpoint request timed out' }),
    /504: Endpoint request timed out/,
  ],
  ['a page of a proxy', html(503), /cannot answer now \(503\)/],
  ['a function that failed', json(500, { message: null }), /cannot answer now \(500\)/],
  ['too many calls', json(429, { message: 'Too Many Requests' }), /too many calls now \(429: Too Many Requests\)/],
])('%s: retried, then unavailable', async (_, answer, message) => {
  const before = remote.gateway.calls.length;
  remote.gateway.fate(/./, answer, answer, answer, answer);
  const error = await rejection(remote.open().getEntity('templates', 't'));
  expect(error).toMatchObject({
    code: 'storage_unavailable',
    retryable: true,
    message: expect.stringMatching(message),
  });
  expect(remote.gateway.calls).toHaveLength(before + quick.attempts);
});

test('a write that only a gateway answered may have been stored or not', async () => {
  remote.gateway.fate(/PUT/, json(504, { message: 'Endpoint request timed out' }));
  const error = await rejection(saveTemplate(remote.open()));
  expect(error).toBeInstanceOf(AnswerLostError);
  expect(error.message).toMatch(
    /may have been stored or not: .*\(504: Endpoint request timed out\)\. Read the stored entities/,
  );
});
