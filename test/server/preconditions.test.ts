import { type RunningApi, startApi, template } from './running-api.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from './suite.ts';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

let path: string;
let count = 0;
/** Each test has its own template, at version 2. */
beforeEach(async () => {
  const id = `t${count++}`;
  path = `/v1/templates/${id}`;
  await api.saveTemplate(id);
  await api.saveTemplate(id);
});

const put = (headers: Record<string, string | string[]>, fields = {}, target = path) =>
  api.call('PUT', target, { body: template(fields), headers });

describe('If-Match', () => {
  test('allows a write of the version it names', async () => {
    expect((await put({ 'If-Match': '"2"' })).status).toBe(200);
    expect((await api.call('PATCH', path, { body: {}, headers: { 'If-Match': '"3"' } })).status).toBe(200);
    expect((await api.call('DELETE', path, { headers: { 'If-Match': '"4"' } })).status).toBe(204);
  });

  test.each(['"1"', '"0"', '"02"', '"abc"', '""', 'W/"2"', '"2147483647"', '"99999999999999999999"', '"a,b"'])(
    'answers 412 to %s, and nothing is written',
    async (etag) => {
      const headers = { 'If-Match': etag };
      const refused = {
        status: 412,
        body: { type: 'urn:hostfactory:problem:precondition_failed', current_version: 2 },
      };
      expect(await put(headers)).toMatchObject(refused);
      expect(await api.call('PATCH', path, { body: {}, headers })).toMatchObject(refused);
      expect(await api.call('DELETE', path, { headers })).toMatchObject(refused);
      expect((await api.call('GET', path)).headers.get('etag')).toBe('"2"');
    },
  );

  test('requires with * that the entity exists', async () => {
    const headers = { 'If-Match': '*' };
    expect((await put(headers)).status).toBe(200);
    expect(await put(headers, {}, '/v1/templates/none')).toMatchObject({ status: 412, body: { current_version: 0 } });
    expect((await api.call('PATCH', '/v1/templates/none', { body: {}, headers })).status).toBe(404);
    expect((await api.call('DELETE', '/v1/templates/none', { headers })).status).toBe(404);
  });

  test('on a missing entity is 412 for PUT and 404 for PATCH and DELETE', async () => {
    const headers = { 'If-Match': '"1"' };
    expect(await put(headers, {}, '/v1/templates/none')).toMatchObject({ status: 412, body: { current_version: 0 } });
    expect((await api.call('PATCH', '/v1/templates/none', { body: {}, headers })).status).toBe(404);
    expect((await api.call('DELETE', '/v1/templates/none', { headers })).status).toBe(404);
  });

  test.each([['2'], ['"2'], [''], ['"1", "2"'], ['"1" "2"'], ['*, "2"'], ['w/"2"'], [['"1"', '"2"']]])(
    'answers 400 to %j',
    async (etag) => {
      const reply = await put({ 'If-Match': etag });
      expect(reply).toMatchObject({ status: 400, body: { detail: expect.stringContaining('If-Match') } });
    },
  );

  test('answers an invalid body with 400, whatever its value', async () => {
    expect((await put({ 'If-Match': '"1"' }, { max_number: 'x' })).status).toBe(400);
  });

  test('together with a version in the body: both must hold, and must not differ', async () => {
    expect((await put({ 'If-Match': '"2"' }, { version: 2 })).status).toBe(200);
    expect((await put({ 'If-Match': '"2"' }, { version: 2 })).status).toBe(412);
    expect((await put({ 'If-Match': '"2"' }, { version: 3 })).status).toBe(400);
    expect((await put({ 'If-Match': 'W/"3"' }, { version: 3 })).status).toBe(400);
    expect((await put({ 'If-Match': '*' }, { version: 3 })).status).toBe(200);
    expect(await put({ 'If-Match': '*' }, { version: 3 })).toMatchObject({ status: 409, body: { current_version: 4 } });
  });
});

describe('If-None-Match', () => {
  test('requires with * that a PUT creates', async () => {
    const headers = { 'If-None-Match': '*' };
    expect(await put(headers)).toMatchObject({ status: 412, body: { current_version: 2 } });
    expect((await put(headers, {}, `${path}-new`)).status).toBe(201);
  });

  test('has no other meaning on writes: 400', async () => {
    expect((await put({ 'If-None-Match': '"1"' })).status).toBe(400);
    expect((await put({ 'If-None-Match': '*', 'If-Match': '"2"' })).status).toBe(400);
    const headers = { 'If-None-Match': '*' };
    expect((await api.call('PATCH', path, { body: {}, headers })).status).toBe(400);
    expect((await api.call('DELETE', path, { headers })).status).toBe(400);
  });

  test.each(['"2"', 'W/"2"', '*', '"1", "2"', '"a,b",,W/"2" ,'])('answers GET with 304 to %s', async (etag) => {
    const reply = await api.call('GET', path, { headers: { 'If-None-Match': etag } });
    expect(reply).toMatchObject({ status: 304, text: '' });
    expect(reply.headers.get('etag')).toBe('"2"');
    expect(reply.headers.get('cache-control')).toBe('private, no-cache');
  });

  test('answers GET with the entity if it names another version, 404 if there is none, 400 if it is malformed', async () => {
    const get = (etag: string, target = path) => api.call('GET', target, { headers: { 'If-None-Match': etag } });
    expect((await get('"1", "3"')).status).toBe(200);
    expect((await get('"1,2"')).status).toBe(200);
    expect((await get('*', '/v1/templates/none')).status).toBe(404);
    expect((await get('2')).status).toBe(400);
  });

  test('is parsed in one pass: a list of blanks does not take forever', async () => {
    const started = performance.now();
    expect((await api.call('GET', path, { headers: { 'If-None-Match': `${', '.repeat(6_000)}x` } })).status).toBe(400);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
