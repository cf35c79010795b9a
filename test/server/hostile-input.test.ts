import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type CallOptions, callServer, callSocket, type RunningApi, startApi } from './running-api.ts';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
  await api.saveTemplate('t1');
});
afterAll(() => api.close());

const nested = (levels: number, open = '[', close = ']') => `${open.repeat(levels)}1${close.repeat(levels)}`;
const entity = (members: string) =>
  `{"template_id":"x","name":"n","provider_api":"p","vm_type":"v","max_number":1,${members}}`;
const post = (body: string | Uint8Array, headers: CallOptions['headers'] = {}, path = '/v1/templates') =>
  ['POST', path, { body, headers }] as const;
const MB = 1024 * 1024;

type Case = readonly [name: string, status: number, call: readonly [string, string, CallOptions?]];

const cases: Case[] = [
  // Paths
  ['no path', 404, ['GET', '/']],
  ['an unknown path', 404, ['GET', '/v1']],
  ['an unknown version', 404, ['GET', '/v2/templates']],
  ['an unknown collection', 404, ['GET', '/v1/nothing']],
  ['an entity of an unknown collection', 404, ['DELETE', '/v1/nothing/a']],
  ['a collection of another case', 404, ['GET', '/v1/Templates']],
  ['__proto__ as collection', 404, ['GET', '/v1/__proto__']],
  ['constructor as collection', 404, ['POST', '/v1/constructor', { body: {} }]],
  ['__proto__ as counted collection', 404, ['GET', '/v1/counts/__proto__']],
  ['__proto__ as id', 404, ['GET', '/v1/templates/__proto__']],
  ['a trailing slash', 404, ['GET', '/v1/templates/']],
  ['slashes in a row', 404, ['GET', '//v1//templates']],
  ['dot segments', 404, ['GET', '/v1/templates/../../etc/passwd']],
  ['encoded traversal: only an id', 404, ['GET', '/v1/templates/..%2f..%2fetc%2fpasswd']],
  ['encoded backslashes: only an id', 404, ['GET', '/v1/templates/..%5c..%5cwindows']],
  ['a NUL in the id', 400, ['GET', '/v1/templates/a%00b']],
  ['a newline in the id', 400, ['GET', '/v1/templates/a%0ab']],
  ['an id of 256 characters', 400, ['GET', `/v1/templates/${'x'.repeat(256)}`]],
  ['a percent sign alone', 400, ['GET', '/v1/templates/%']],
  ['a malformed escape', 400, ['GET', '/v1/templates/%zz']],
  ['escapes that are no UTF-8', 400, ['GET', '/v1/templates/%ff%fe']],
  ['an overlong slash', 400, ['GET', '/v1/templates/%c0%af']],
  ['an escaped lone surrogate', 400, ['GET', '/v1/templates/%ed%a0%80']],
  ['a malformed escape in the query', 400, ['GET', '/v1/templates?name=%E0%A4%A']],
  ['a malformed escape in a filter', 400, ['GET', '/v1/templates?%=1']],
  ['a path that is only a query', 404, ['GET', '/?/v1/templates']],
  // Methods
  ['PUT on a collection', 405, ['PUT', '/v1/templates', { body: {} }]],
  ['POST on an entity', 405, ['POST', '/v1/templates/t1', { body: {} }]],
  ['GET on a batch', 405, ['GET', '/v1/batch/get']],
  ['DELETE on health', 405, ['DELETE', '/v1/health']],
  ['OPTIONS', 405, ['OPTIONS', '/v1/templates']],
  ['TRACE', 405, ['TRACE', '/v1/templates']],
  ['a method of WebDAV', 405, ['PROPFIND', '/v1/templates/t1']],
  // The answer quotes the errors, but must stay small however many there are.
  [
    'one name of 3 MB over 400,000 bad values',
    400,
    post(`{"template_id":"t","${'k'.repeat(3_000_000)}":[${Array(400_000).fill('1e999').join()}]}`),
  ],
  // Media types
  ['a body of text', 415, post('{}', { 'Content-Type': 'text/plain' })],
  ['a body of a form', 415, post('a=1', { 'Content-Type': 'application/x-www-form-urlencoded' })],
  ['a body of another subtype', 415, post('{}', { 'Content-Type': 'application/jsonp' })],
  ['a body of a list of types', 415, post('{}', { 'Content-Type': 'application/json, text/plain' })],
  ['a body of an empty type', 415, post('{}', { 'Content-Type': '' })],
  ['a body in Latin-1', 415, post('{}', { 'Content-Type': 'application/json; charset=iso-8859-1' })],
  ['a compressed body', 415, post('{}', { 'Content-Encoding': 'gzip' })],
  // JSON
  ['no body', 400, ['POST', '/v1/templates']],
  ['no body with a type', 400, post('')],
  ['no body for a batch', 400, ['POST', '/v1/batch/get']],
  ['no body for PUT', 400, ['PUT', '/v1/templates/a']],
  ['no body for PATCH', 400, ['PATCH', '/v1/templates/t1']],
  ['half a JSON text', 400, post('{"a":')],
  ['two JSON texts', 400, post('{}{}')],
  ['a trailing comma', 400, post('{"a":1,}')],
  ['a comment', 400, post('{/**/}')],
  ['single quotes', 400, post("{'a':1}")],
  ['NaN', 400, post('{"a":NaN}')],
  ['an open string', 400, post('{"a')],
  ['an open escape', 400, post('{"a\\')],
  ['a raw newline in a string', 400, post('{"a":"\n"}')],
  ['bytes that are no UTF-8', 400, post(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]))],
  ['only a byte order mark', 400, post(Buffer.from('\ufeff'))],
  ['UTF-16', 400, post(Buffer.from('\ufeff{}', 'utf16le'))],
  ['a name twice', 400, post('{"template_id":"a","template_id":"b"}')],
  ['a name twice, once escaped', 400, post('{"template_id":"a","template_\\u0069d":"b"}')],
  ['a name twice, deep down', 400, post('[{"a":[{"b":{},"b":1}]}]')],
  ['__proto__ twice', 400, post('{"__proto__":1,"__proto__":2}')],
  ['a list', 400, post('[]')],
  ['null', 400, post('null')],
  ['a number', 400, post('1e1000')],
  ['a string', 400, post('"{}"')],
  ['10,000 levels of lists', 400, post(nested(10_000))],
  ['10,000 levels of objects', 400, post(nested(10_000, '{"a":', '}'))],
  ['10,000 levels in a field', 400, post(entity(`"a":${nested(10_000)}`))],
  ['10,000 levels in an id', 400, post(`{"template_id":${nested(10_000)}}`)],
  ['10,000 levels that never end', 400, post('['.repeat(10_000))],
  ['99 levels in a field', 400, post(entity(`"a":${nested(98)}`))],
  ['32 levels in a field', 400, post(entity(`"a":${nested(32)}`))],
  [
    '99 levels in a body of a call',
    400,
    post(`{"template_id":"t1","machine_count":1,"tags":${nested(98, '{"a":', '}')}}`, {}, '/v1/provision-requests'),
  ],
  // Values
  ['a lone surrogate', 400, post(entity('"a":"\\ud800"'))],
  ['a lone surrogate in a name', 400, post(entity('"\\udc00":1'))],
  ['surrogates the wrong way round', 400, post(entity('"a":["\\udc00\\ud800"]'))],
  ['a NUL', 400, post(entity('"a":{"b":"\\u0000"}'))],
  ['an empty name', 400, post(entity('"":1'))],
  ['an infinite number', 400, post(entity('"a":1e400'))],
  ['an integer that no double holds', 400, post(entity('"a":9007199254740993'))],
  ['a number that DynamoDB cannot hold', 400, post(entity('"a":1e-200'))],
  [
    'an integer field beyond 32 bits',
    400,
    post('{"template_id":"x","name":"n","provider_api":"p","vm_type":"v","max_number":3000000000}'),
  ],
  ['a version that is no integer', 400, post(entity('"version":"1"'))],
  ['a version beyond 32 bits', 400, post(entity('"version":3000000000'))],
  ['a date that is none', 400, post(entity('"created_at":"2026-02-30T00:00:00Z"'))],
  [
    'a list for a string',
    400,
    post('{"template_id":["x"],"name":"n","provider_api":"p","vm_type":"v","max_number":1}'),
  ],
  ['an entity of 400 KB', 400, post(entity(`"a":"${'x'.repeat(400_000)}"`))],
  ['a name of 300 KB over many wrong values', 400, post(entity(`"${'k'.repeat(300_000)}":[${'1e999,'.repeat(200)}1]`))],
  ['200,000 wrong values', 400, post(entity(`"a":[${'1e999,'.repeat(200_000)}1]`))],
  [
    'a million ids of a wrong type',
    400,
    post(`{"collection":"templates","ids":[${'1,'.repeat(1_000_000)}1]}`, {}, '/v1/batch/get'),
  ],
  [
    'a million operations of a wrong type',
    400,
    post(`{"operations":[${'1,'.repeat(1_000_000)}1]}`, {}, '/v1/transactions'),
  ],
  [
    '100,000 unknown names',
    400,
    post(`{${Array.from({ length: 100_000 }, (_, i) => `"${i}":1`).join()}}`, {}, '/v1/batch/get'),
  ],
  ['an unknown name of 1 MB', 400, post(`{"${'k'.repeat(MB)}":1}`, {}, '/v1/batch/get')],
  ['an id of 1 MB', 400, post(`{"collection":"templates","ids":["${'k'.repeat(MB)}"]}`, {}, '/v1/batch/get')],
  // Sizes
  ['a body over 6 MB', 413, post(`"${'x'.repeat(6 * MB)}"`)],
  ['a body over 6 MB to no path', 404, post(`"${'x'.repeat(6 * MB)}"`, {}, '/v1/nothing')],
  ['a body of 6 MB', 400, post(`"${'x'.repeat(6 * MB - 2)}"`)],
  ['headers of 20 KB', 431, ['GET', '/v1/templates', { headers: { 'X-Large': 'x'.repeat(20_000) } }]],
  ['a URL of 20 KB', 431, ['GET', `/v1/templates?name=${'x'.repeat(20_000)}`]],
  ['300 filters', 400, ['GET', `/v1/templates?${Array.from({ length: 300 }, (_, i) => `f${i}=1`).join('&')}`]],
  // Headers
  ['an expectation', 417, ['GET', '/v1/templates', { headers: { Expect: 'miracles' } }]],
];

describe('hostile input is answered with a problem, never with a failure', () => {
  test.each(cases)('%s: %i', async (_, status, [method, path, options]) => {
    const reply = await callServer(api.port, method, path, options);
    expect([reply.status, reply.text.slice(0, 300)]).toEqual([status, expect.any(String)]);
    expect(reply.headers.get('content-type')).toBe('application/problem+json');
    expect(reply.body).toMatchObject({
      type: expect.stringMatching(/^urn:hostfactory:problem:[a-z_]+$/),
      title: expect.any(String),
      status,
      detail: expect.any(String),
    });
    expect(reply.text.length).toBeLessThan(50_000);
    if (status === 405) expect(reply.headers.get('allow')).toMatch(/^[A-Z, ]+$/);
  });

  test('afterwards the service is healthy', async () => {
    expect((await api.call('GET', '/v1/health')).body).toEqual({ status: 'ok' });
    expect((await api.call('GET', '/v1/templates')).body.items).toHaveLength(1);
  });
});

test('405 lists the allowed methods', async () => {
  const allow = async (path: string) => (await api.call('OPTIONS', path)).headers.get('allow')?.split(', ').sort();
  expect(await allow('/v1/templates')).toEqual(['GET', 'HEAD', 'POST']);
  expect(await allow('/v1/templates/x')).toEqual(['DELETE', 'GET', 'HEAD', 'PATCH', 'PUT']);
  expect(await allow('/v1/batch/get')).toEqual(['POST']);
  expect(await allow('/v1/openapi.json')).toEqual(['GET', 'HEAD']);
});

describe('on a bare socket', () => {
  const close = 'Host: localhost\r\nConnection: close\r\n\r\n';

  test.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00', 400],
    ['an unknown method', `BREW /v1/templates HTTP/1.1\r\n${close}`, 400],
    ['no Host', 'GET /v1/health HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['two Hosts', `GET /v1/health HTTP/1.1\r\nHost: localhost\r\n${close}`, 400],
    ['raw bytes in the URL', `GET /v1/templates/\xc3\xbc HTTP/1.1\r\n${close}`, 400],
    ['an asterisk', `OPTIONS * HTTP/1.1\r\n${close}`, 404],
    ['a whole URL', `GET http://localhost/v1/health HTTP/1.1\r\n${close}`, 200],
    ['two lengths', `POST /v1/templates HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n${close}{}`, 400],
    [
      'a length and chunks',
      `POST /v1/templates HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n${close}{}`,
      400,
    ],
    [
      'a broken chunk',
      `POST /v1/templates HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n${close}zz\r\n`,
      400,
    ],
    ['two ETags in two headers', `DELETE /v1/templates/t1 HTTP/1.1\r\nIf-Match: "1"\r\nIf-Match: "1"\r\n${close}`, 400],
  ])('%s', async (_, text, status) => {
    const answer = await callSocket(api.port, text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    if (status >= 400) expect(answer).toMatch(/content-type: application\/problem\+json/i);
  });

  test('a body over 6 MB in chunks is answered with 413, and not read to its end', async () => {
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const head = `POST /v1/templates HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n${close}`;
    expect(await callSocket(api.port, head + chunk.repeat(110))).toMatch(/^HTTP\/1.1 413 /);
  });

  test('a truncated body is not mistaken for the whole', async () => {
    const body = '{"template_id":"early","name":"n","provider_api":"p","vm_type":"v","max_number":1}';
    const head = `POST /v1/templates HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length + 1}\r\n`;
    const socket = connect(api.port, '127.0.0.1', () => socket.end(`${head}${close}${body}`));
    await once(socket.resume(), 'close');
    expect((await api.call('GET', '/v1/templates/early')).status).toBe(404);
  });
});
