import { type RunningApi, startApi, template } from './running-api.ts';
import { afterAll, beforeAll, describe, expect, test } from './suite.ts';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
  await api.saveTemplate('t1');
  await api.saveTemplate('t2');
});
afterAll(() => api.close());

const ids = (count: number) => Array.from({ length: count }, (_, i) => `id-${i}`);

describe('POST /v1/batch/get', () => {
  const get = (body: unknown) => api.call('POST', '/v1/batch/get', { body });

  test('returns the entities found, in the order of the ids, and the missing ids', async () => {
    const reply = await get({ collection: 'templates', ids: ['t2', 'none', 't1', 't2', '__proto__'] });
    expect(reply).toMatchObject({
      status: 200,
      body: { items: [{ template_id: 't2' }, { template_id: 't1' }], missing: ['none', '__proto__'] },
    });
    expect(reply.body).not.toHaveProperty('unprocessed');
  });

  test('accepts 1,000 ids', async () => {
    const reply = await get({ collection: 'machines', ids: ids(1000) });
    expect(reply.body).toEqual({ items: [], missing: ids(1000) });
  });

  test.each([
    [{ collection: 'templates', ids: ids(1001) }, 'ids'],
    [{ collection: 'templates', ids: [] }, 'ids'],
    [{ collection: 'templates', ids: 't1' }, 'ids'],
    [{ collection: 'templates' }, 'ids'],
    [{ collection: 'templates', ids: ['t1', 7] }, 'ids[1]'],
    [{ collection: 'templates', ids: [''] }, 'ids[0]'],
    [{ collection: 'templates', ids: ['x'.repeat(256)] }, 'ids[0]'],
    [{ collection: 'templates', ids: ['a\u0000'] }, 'ids[0]'],
    [{ collection: 'nothing', ids: ['t1'] }, 'collection'],
    [{ collection: '__proto__', ids: ['t1'] }, 'collection'],
    [{ collection: ['templates'], ids: ['t1'] }, 'collection'],
    [{ collection: 'templates', ids: ['t1'], limit: 3 }, 'limit'],
    [[], ''],
    [null, ''],
    ['"text"', ''],
  ])('answers 400 to %.60j and names %s', async (body, path) => {
    expect(await get(body)).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });
});

describe('POST /v1/batch/save', () => {
  const save = (body: unknown) => api.call('POST', '/v1/batch/save', { body });

  test('returns one result per entity, in order', async () => {
    const reply = await save({
      collection: 'requests',
      entities: [
        { request_id: 'a', template_id: 't1', machine_count: 1, status: 'PENDING' },
        { request_id: 'b', template_id: 'none', machine_count: 1, status: 'PENDING' },
        { request_id: 'c', machine_count: -1 },
        'no entity',
        { request_id: 'd', template_id: 't1', machine_count: 1, status: 'PENDING', version: 3 },
      ],
    });
    expect(reply.status).toBe(200);
    expect(reply.body.results).toEqual([
      { id: 'a', status: 'saved', version: 1 },
      { id: 'b', status: 'invalid', problem: expect.objectContaining({ status: 409 }) },
      { id: 'c', status: 'invalid', problem: expect.objectContaining({ status: 400, errors: expect.any(Array) }) },
      { status: 'invalid', problem: expect.objectContaining({ status: 400 }) },
      { id: 'd', status: 'conflict', problem: expect.objectContaining({ status: 409, current_version: 0 }) },
    ]);
  });

  test('stores nothing if an id occurs twice', async () => {
    const entity = template({ template_id: 'twice' });
    const reply = await save({ collection: 'templates', entities: [entity, entity] });
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path: 'entities[1]' }] } });
    expect((await api.call('GET', '/v1/templates/twice')).status).toBe(404);
  });

  test('saves 1,000 and refuses 1,001', async () => {
    const entities = ids(1001).map((id) => template({ template_id: id }));
    expect((await save({ collection: 'templates', entities })).status).toBe(400);
    const reply = await save({ collection: 'templates', entities: entities.slice(1) });
    expect(reply.status).toBe(200);
    expect(reply.body.results).toHaveLength(1000);
  });

  test('shortens the problems of a batch if they would not fit into one answer', async () => {
    const bad = Array.from({ length: 40 }, () => '\ud800');
    const entities = ids(1000).map((id) => ({ template_id: id, [`${'漢'.repeat(300)}`]: bad }));
    const reply = await save({ collection: 'templates', entities });
    expect(reply.status).toBe(200);
    expect(Buffer.byteLength(reply.text)).toBeLessThan(5_000_000);
    const results = reply.body.results as { id: string; status: string; problem: { detail: string } }[];
    expect(results).toHaveLength(1000);
    expect(results[999]).toMatchObject({ id: 'id-999', status: 'invalid', problem: { status: 400 } });
    expect(results[999]?.problem).not.toHaveProperty('errors');
  });
});
