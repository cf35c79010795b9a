import { type Body, type RunningApi, startApi } from './running-api.ts';
import { afterAll, beforeAll, describe, expect, test } from './suite.ts';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
  await api.saveTemplate('t1');
  await api.saveTemplate('t2');
  const entities = Array.from({ length: 10 }, (_, i) => ({
    request_id: `r${i}`,
    template_id: i < 6 ? 't1' : 't2',
    machine_count: i,
    status: ['PENDING', 'RUNNING', 'DONE'][i % 3] as string,
    created_at: `2026-11-22T10:00:0${i}Z`,
    ...(i > 7 && { completed_at: '2026-11-23T00:00:00Z' }),
  }));
  await api.repository.saveEntities('requests', entities);
});
afterAll(() => api.close());

const idsOf = (body: Body) =>
  (body.items as { request_id: string }[]).map(({ request_id }) => request_id.slice(1)).join('');

describe('GET /v1/{collection}', () => {
  test.each([
    ['', '0123456789'],
    ['status=PENDING', '0369'],
    ['status=PENDING&status=DONE', '0235689'],
    ['status[in]=PENDING&status[in]=DONE', '0235689'],
    ['status[in]=DONE', '258'],
    ['status=PENDING&template_id=t1', '03'],
    ['status[ne]=PENDING&status[ne]=', undefined],
    ['status[ne]=PENDING', '124578'],
    ['status%5Bbegins_with%5D=P', '0369'],
    ['machine_count=4', '4'],
    ['machine_count=4&machine_count=-7', '4'],
    ['machine_count[gt]=2&machine_count[lte]=5', '345'],
    ['created_at[gte]=2026-11-22T10:00:08Z', '89'],
    ['created_at[gte]=2026-11-22T12:00:08%2B02:00', '89'],
    ['order_by=-created_at&limit=3', '987'],
    ['order_by=-completed_at&limit=4', '9876'],
    ['completed_at[ne]=2026-11-23T00:00:00Z', '01234567'],
    ['status=', ''],
    ['&&status=DONE&', '258'],
  ])('%s', async (query, ids) => {
    const reply = await api.call('GET', `/v1/requests?${query}`);
    if (ids === undefined) expect(reply.status).toBe(400);
    else expect([reply.status, idsOf(reply.body)]).toEqual([200, ids]);
  });

  test('continues with the cursor to the end, and returns each entity once', async () => {
    let path = '/v1/requests?order_by=-created_at&limit=4&status[ne]=DONE';
    const pages = [];
    for (let cursor: unknown = ''; cursor !== undefined; ) {
      const { body } = await api.call('GET', path);
      pages.push(idsOf(body));
      cursor = body.next_cursor;
      path = `/v1/requests?order_by=-created_at&limit=4&status[ne]=DONE&cursor=${cursor}`;
    }
    expect(pages).toEqual(['9764', '310']);
  });

  test.each([
    ['unknown=1', 'unknown'],
    ['tags=1', 'tags'],
    ['__proto__=1', '__proto__'],
    ['constructor[eq]=1', 'constructor'],
    ['status[__proto__]=1', 'status'],
    ['status[like]=P', 'status'],
    ['status[]=P', 'status'],
    ['status[gt=P', 'status[gt'],
    ['[gt]=P', '[gt]'],
    ['=P', ''],
    ['machine_count=abc', 'machine_count'],
    ['machine_count=1.5', 'machine_count'],
    ['machine_count=1e3', 'machine_count'],
    ['machine_count=', 'machine_count'],
    ['machine_count=99999999999999999999', 'machine_count'],
    ['machine_count[begins_with]=1', 'machine_count'],
    ['status[gt]=A&status[gt]=B', 'status[gt]'],
    ['status=A&status[eq]=B', 'status[eq]'],
    ['status=A&status=B&status[in]=C', 'status[in]'],
    ['created_at[gte]=yesterday', 'created_at'],
    ['created_at[gte]=2026-11-22T12:00:08+02:00', 'created_at'],
    [`${'status=A&'.repeat(101)}`, 'status'],
    ['status=%00', 'status'],
    ['order_by=tags', 'order_by'],
    ['order_by=--created_at', 'order_by'],
    ['order_by=', 'order_by'],
    ['order_by=status&order_by=created_at', 'order_by'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['limit=', 'limit'],
    ['cursor=garbage', 'cursor'],
    ['cursor=', 'cursor'],
    ['cursor=bnVsbA', 'cursor'],
    ['group_by=status', 'group_by'],
  ])('answers 400 to %s and names it', async (query, path) => {
    const reply = await api.call('GET', `/v1/requests?${query}`);
    expect(reply).toMatchObject({ status: 400, body: { type: 'urn:hostfactory:problem:validation_failed' } });
    expect(reply.body.errors).toContainEqual({ path, message: expect.any(String) });
  });

  test('answers 400 to the cursor of another query', async () => {
    const { body } = await api.call('GET', '/v1/requests?limit=1');
    const reply = await api.call('GET', `/v1/requests?limit=1&status=DONE&cursor=${body.next_cursor}`);
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path: 'cursor' }] } });
  });
});

describe('GET /v1/counts/{collection}', () => {
  test('counts', async () => {
    expect((await api.call('GET', '/v1/counts/requests')).body).toEqual({ count: 10 });
    expect((await api.call('GET', '/v1/counts/requests?status=DONE')).body).toEqual({ count: 3 });
    expect((await api.call('GET', '/v1/counts/requests?template_id=t1&group_by=status')).body).toEqual({
      count: 6,
      groups: { PENDING: 2, RUNNING: 2, DONE: 2 },
    });
    expect((await api.call('GET', '/v1/counts/requests?group_by=machine_count&machine_count[lt]=2')).body).toEqual({
      count: 2,
      groups: { 0: 1, 1: 1 },
    });
  });

  test('keeps groups of any name', async () => {
    const body = { template_id: 't1', machine_count: 1, status: '__proto__' };
    await api.call('PUT', '/v1/requests/proto', { body });
    const { text } = await api.call('GET', '/v1/counts/requests?group_by=status&status=__proto__');
    expect(text).toBe('{"count":1,"groups":{"__proto__":1}}');
    await api.call('DELETE', '/v1/requests/proto');
  });

  test.each([
    ['group_by=nothing', 'group_by'],
    ['group_by=tags', 'group_by'],
    ['group_by=status&group_by=status', 'group_by'],
    ['limit=1', 'limit'],
    ['order_by=status', 'order_by'],
  ])('answers 400 to %s and names it', async (query, path) => {
    const reply = await api.call('GET', `/v1/counts/requests?${query}`);
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });
});
