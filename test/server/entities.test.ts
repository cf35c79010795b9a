import { type RunningApi, startApi, template } from './running-api.ts';
import { afterAll, beforeAll, describe, expect, test } from './suite.ts';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const encoded = (id: string) => `/v1/templates/${encodeURIComponent(id)}`;

describe('POST /v1/{collection}', () => {
  test('creates: 201 with the entity, its location and its version', async () => {
    const reply = await api.call('POST', '/v1/templates', {
      body: template({ template_id: 'created', note: { deep: [] } }),
    });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('location')).toBe('/v1/templates/created');
    expect(reply.headers.get('etag')).toBe('"1"');
    expect(reply.headers.get('content-type')).toBe('application/json');
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
    expect(reply.headers.get('cache-control')).toBe('no-store');
    expect(reply.body).toMatchObject({ template_id: 'created', version: 1, note: { deep: [] } });
    expect((await api.call('GET', '/v1/templates/created')).body).toEqual(reply.body);
  });

  test('answers 409 with the current version if the entity exists', async () => {
    await api.saveTemplate('taken');
    const reply = await api.call('POST', '/v1/templates', { body: template({ template_id: 'taken' }) });
    expect(reply.status).toBe(409);
    expect(reply.headers.get('content-type')).toBe('application/problem+json');
    expect(reply.body).toMatchObject({
      type: 'urn:hostfactory:problem:entity_exists',
      status: 409,
      current_version: 1,
    });
  });

  test('accepts version 0, and no other', async () => {
    const none = await api.call('POST', '/v1/templates', { body: template({ template_id: 'v0', version: 0 }) });
    expect(none.status).toBe(201);
    const some = await api.call('POST', '/v1/templates', { body: template({ template_id: 'v1', version: 1 }) });
    expect(some.status).toBe(400);
    expect(some.body).toMatchObject({ errors: [{ path: 'version' }] });
  });

  test('names the errors', async () => {
    const reply = await api.call('POST', '/v1/templates', { body: { template_id: 't', max_number: 'many' } });
    expect(reply.status).toBe(400);
    expect(reply.body).toMatchObject({ type: 'urn:hostfactory:problem:validation_failed' });
    const paths = (reply.body.errors as { path: string }[]).map(({ path }) => path).sort();
    expect(paths).toEqual(['max_number', 'name', 'provider_api', 'vm_type']);
  });

  test('refuses a child whose parent is missing', async () => {
    const request = { request_id: 'orphan', template_id: 'nowhere', machine_count: 1, status: 'PENDING' };
    expect(await api.call('POST', '/v1/requests', { body: request })).toMatchObject({
      status: 409,
      body: { type: 'urn:hostfactory:problem:template_not_found' },
    });
    const machine = { machine_id: 'orphan', request_id: 'nowhere', template_id: 'created', status: 'PENDING' };
    expect(await api.call('POST', '/v1/machines', { body: machine })).toMatchObject({
      status: 409,
      body: { type: 'urn:hostfactory:problem:reference_not_found' },
    });
  });
});

describe('PUT /v1/{collection}/{id}', () => {
  test('answers 201 if it creates and 200 if it replaces', async () => {
    const first = await api.call('PUT', '/v1/templates/put', { body: template({ image_id: 'ami-1' }) });
    expect(first.status).toBe(201);
    expect(first.headers.get('etag')).toBe('"1"');
    const second = await api.call('PUT', '/v1/templates/put', { body: template() });
    expect(second.status).toBe(200);
    expect(second.headers.get('etag')).toBe('"2"');
    expect(second.body).not.toHaveProperty('image_id');
  });

  test('accepts only the id of the path in the body', async () => {
    expect((await api.call('PUT', '/v1/templates/same', { body: template({ template_id: 'same' }) })).status).toBe(201);
    for (const id of ['other', 5, '', {}]) {
      const reply = await api.call('PUT', '/v1/templates/same', { body: template({ template_id: id }) });
      expect(reply).toMatchObject({ status: 400, body: { errors: [{ path: 'template_id' }] } });
    }
  });

  test('answers 409 if the version in the body is not the current one', async () => {
    await api.saveTemplate('versioned');
    const reply = await api.call('PUT', '/v1/templates/versioned', { body: template({ version: 7 }) });
    expect(reply).toMatchObject({
      status: 409,
      body: { type: 'urn:hostfactory:problem:concurrency_conflict', current_version: 1 },
    });
    const right = await api.call('PUT', '/v1/templates/versioned', { body: template({ version: 1 }) });
    expect(right.status).toBe(200);
  });

  test.each(['__proto__', 'constructor', 'a/b', 'ü 漢字 😀', '..', '%2e', '../../etc/passwd', 'a?b#c', 'it\'s "q"'])(
    'preserves the id %j through Location, GET and DELETE',
    async (id) => {
      const put = await api.call('PUT', encoded(id), { body: template() });
      expect(put).toMatchObject({ status: 201, body: { template_id: id } });
      const again = await api.call('POST', '/v1/templates', { body: template({ template_id: `${id}!` }) });
      const got = await api.call('GET', again.headers.get('location') ?? '');
      expect(got).toMatchObject({ status: 200, body: { template_id: `${id}!` } });
      expect((await api.call('DELETE', encoded(id))).status).toBe(204);
      expect((await api.call('GET', encoded(id))).status).toBe(404);
    },
  );

  test('keeps fields of any name', async () => {
    const body = `{"name":"n","provider_api":"p","vm_type":"v","max_number":1,"__proto__":{"constructor":[null,"",{}]}}`;
    const reply = await api.call('PUT', '/v1/templates/proto', { body });
    expect(reply.status).toBe(201);
    expect(reply.text).toContain('"__proto__":{"constructor":[null,"",{}]}');
  });
});

describe('GET /v1/{collection}/{id}', () => {
  test('answers 404 if there is none', async () => {
    expect(await api.call('GET', '/v1/requests/none')).toMatchObject({
      status: 404,
      body: { type: 'urn:hostfactory:problem:entity_not_found', title: expect.any(String), detail: expect.any(String) },
    });
  });

  test('may be cached by the caller, who must revalidate it each time', async () => {
    await api.saveTemplate('cached');
    expect((await api.call('GET', '/v1/templates/cached')).headers.get('cache-control')).toBe('private, no-cache');
  });

  test('answers HEAD like GET without the body', async () => {
    await api.saveTemplate('head');
    const get = await api.call('GET', '/v1/templates/head');
    const head = await api.call('HEAD', '/v1/templates/head');
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers.get('etag')).toBe('"1"');
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(get.text)));
    expect(await api.call('HEAD', '/v1/templates/none')).toMatchObject({ status: 404, text: '' });
  });
});

describe('PATCH /v1/{collection}/{id}', () => {
  test('replaces top-level fields and removes those that are null', async () => {
    await api.saveTemplate('patched', { attributes: { a: 1, b: 2 }, image_id: 'ami-1' });
    const reply = await api.call('PATCH', '/v1/templates/patched', { body: { attributes: { c: 3 }, image_id: null } });
    expect(reply).toMatchObject({ status: 200, body: { attributes: { c: 3 }, version: 2, name: 'Standard' } });
    expect(reply.headers.get('etag')).toBe('"2"');
    expect(reply.body).not.toHaveProperty('image_id');
  });

  test('answers 404 if there is none, 400 if a required field would be removed, 409 on another version', async () => {
    expect((await api.call('PATCH', '/v1/templates/none', { body: {} })).status).toBe(404);
    expect((await api.call('PATCH', '/v1/templates/patched', { body: { name: null } })).status).toBe(400);
    expect((await api.call('PATCH', '/v1/templates/patched', { body: { template_id: 'x' } })).status).toBe(400);
    expect((await api.call('PATCH', '/v1/templates/patched', { body: { version: 9 } })).status).toBe(409);
  });

  test('accepts a body of another JSON type', async () => {
    const headers = { 'Content-Type': 'application/merge-patch+json; charset=UTF-8' };
    expect((await api.call('PATCH', '/v1/templates/patched', { body: {}, headers })).status).toBe(200);
  });
});

describe('DELETE /v1/{collection}/{id}', () => {
  test('answers 204 once and 404 afterwards', async () => {
    await api.saveTemplate('deleted');
    const reply = await api.call('DELETE', '/v1/templates/deleted');
    expect(reply).toMatchObject({ status: 204, text: '' });
    expect(reply.headers.has('content-length')).toBe(false);
    expect((await api.call('DELETE', '/v1/templates/deleted')).status).toBe(404);
  });

  test('refuses a parent that is still referenced', async () => {
    await api.saveTemplate('parent');
    const body = { template_id: 'parent', machine_count: 0, status: 'DONE' };
    await api.call('PUT', '/v1/requests/child', { body });
    expect(await api.call('DELETE', '/v1/templates/parent')).toMatchObject({
      status: 409,
      body: { type: 'urn:hostfactory:problem:entity_in_use' },
    });
  });
});

test('a call on one entity accepts no query parameters', async () => {
  for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
    const reply = await api.call(method, '/v1/templates/created?expected_version=3', { body: {} });
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path: 'expected_version' }] } });
  }
});
