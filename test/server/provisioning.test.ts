import { type Body, type Reply, type RunningApi, startApi } from './running-api.ts';
import { afterAll, beforeAll, describe, expect, test } from './suite.ts';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
  await api.saveTemplate('free');
  await api.saveTemplate('five', { max_number: 5 });
});
afterAll(() => api.close());

const provision = (body: Body) => api.call('POST', '/v1/provision-requests', { body });
const machinesOf = ({ body }: Reply) => body.machines as Body[];

describe('POST /v1/provision-requests', () => {
  test('stores the request and its machines, all PENDING, with one time of creation', async () => {
    const reply = await provision({
      template_id: 'five',
      machine_count: 5,
      request_id: 'r/1',
      tags: { a: 1 },
      metadata: {},
    });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('location')).toBe('/v1/requests/r%2F1');
    const { request } = reply.body as { request: Body };
    expect(request).toMatchObject({
      request_id: 'r/1',
      template_id: 'five',
      machine_count: 5,
      status: 'PENDING',
      request_type: 'provision',
      tags: { a: 1 },
      metadata: {},
      version: 1,
    });
    expect(machinesOf(reply)).toHaveLength(5);
    for (const machine of machinesOf(reply)) {
      expect(machine).toMatchObject({
        request_id: 'r/1',
        template_id: 'five',
        status: 'PENDING',
        created_at: request.created_at,
      });
      expect(machine.machine_id).toMatch(
        /^machine-[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
    }
    expect((await api.call('GET', '/v1/requests/r%2F1')).body).toEqual(request);
    const { body } = await api.call('GET', '/v1/machines?request_id=r/1');
    expect(body.items).toEqual(machinesOf(reply));
  });

  test('generates a request id if none is sent', async () => {
    const [one, two] = [
      await provision({ template_id: 'free', machine_count: 1 }),
      await provision({ template_id: 'free', machine_count: 1 }),
    ];
    expect([one.status, two.status]).toEqual([201, 201]);
    const id = (reply: Reply) => (reply.body.request as Body).request_id;
    expect(id(one)).toMatch(/^req-[0-9a-f-]{36}$/);
    expect(id(one)).not.toBe(id(two));
  });

  test('answers a repeated call with 200 and the stored entities', async () => {
    const order = { template_id: 'free', machine_count: 3, request_id: 'again', tags: { a: { y: 1, x: [1, 2] } } };
    const first = await provision(order);
    const { machine_id } = machinesOf(first)[1] as { machine_id: string };
    await api.call('PATCH', `/v1/machines/${machine_id}`, { body: { status: 'RUNNING' } });
    // The same body: members in another order, and an absent field as null.
    const again = await provision({ metadata: null, ...order, tags: { a: { x: [1, 2], y: 1 } } });
    expect(again.status).toBe(200);
    expect(again.body.request).toEqual(first.body.request);
    expect(machinesOf(again).map(({ status }) => status)).toEqual(['PENDING', 'RUNNING', 'PENDING']);
  });

  test('answers a repeated call even if the template has changed since', async () => {
    await api.saveTemplate('shrinking', { max_number: 9 });
    const order = { template_id: 'shrinking', machine_count: 9, request_id: 'shrunk' };
    expect((await provision(order)).status).toBe(201);
    await api.saveTemplate('shrinking', { max_number: 1 });
    expect((await provision(order)).status).toBe(200);
  });

  test.each([{ machine_count: 2 }, { template_id: 'five' }, { tags: { a: 2 } }, { tags: null }, { metadata: {} }])(
    'answers the same id with %j with 409',
    async (change) => {
      const order = { template_id: 'free', machine_count: 1, request_id: 'differs', tags: { a: 1 } };
      await provision(order);
      const reply = await provision({ ...order, ...change });
      expect(reply).toMatchObject({
        status: 409,
        body: { type: 'urn:hostfactory:problem:request_differs', current_version: 1 },
      });
    },
  );

  test('answers 409 for the id of a request that was created differently', async () => {
    const body = { template_id: 'free', machine_count: 1, status: 'PENDING' };
    await api.call('PUT', '/v1/requests/by-hand', { body });
    expect((await provision({ template_id: 'free', machine_count: 1, request_id: 'by-hand' })).status).toBe(409);
  });

  test('creates nothing twice if the same call is made many times concurrently', async () => {
    const order = { template_id: 'free', machine_count: 50, request_id: 'at-once' };
    const replies = await Promise.all(Array.from({ length: 12 }, () => provision(order)));
    expect(replies.map(({ status }) => status).sort()).toEqual([...Array(11).fill(200), 201]);
    // Members may be read in another order than they were written.
    for (const { body } of replies) expect(body).toEqual(replies[0]?.body);
    expect((await api.call('GET', '/v1/counts/machines?request_id=at-once')).body).toEqual({ count: 50 });
  });

  test('lets one of several different calls with the same id win', async () => {
    const replies = await Promise.all(
      [1, 2, 3, 4].map((machine_count) => provision({ template_id: 'free', machine_count, request_id: 'race' })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
    const winner = replies.find(({ status }) => status === 201) as Reply;
    const { machine_count } = winner.body.request as Body;
    expect((await api.call('GET', '/v1/counts/machines?request_id=race')).body.count).toBe(machine_count);
  });

  test('answers 409 if there is no such template', async () => {
    expect(await provision({ template_id: 'none', machine_count: 1 })).toMatchObject({
      status: 409,
      body: { type: 'urn:hostfactory:problem:template_not_found' },
    });
  });

  test('names the limit of the template', async () => {
    const reply = await provision({ template_id: 'five', machine_count: 6 });
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path: 'machine_count' }] } });
    expect(reply.body.detail).toMatch(/\b6\b.*\b5\b/);
  });

  test.each([
    [{ machine_count: 0 }, 'machine_count'],
    [{ machine_count: -1 }, 'machine_count'],
    [{ machine_count: 10_001 }, 'machine_count'],
    [{ machine_count: 1.5 }, 'machine_count'],
    [{ machine_count: '3' }, 'machine_count'],
    [{ machine_count: null }, 'machine_count'],
    [{ machine_count: undefined }, 'machine_count'],
    [{ template_id: undefined }, 'template_id'],
    [{ template_id: 7 }, 'template_id'],
    [{ template_id: '' }, 'template_id'],
    [{ request_id: '' }, 'request_id'],
    [{ request_id: 'x'.repeat(256) }, 'request_id'],
    [{ request_id: 'a\nb' }, 'request_id'],
    [{ tags: [] }, 'tags'],
    [{ tags: 'a' }, 'tags'],
    [{ metadata: { a: '\ud800' } }, 'metadata.a'],
    [{ metadata: { a: 1e300 } }, 'metadata.a'],
    [{ status: 'DONE' }, 'status'],
  ])('answers 400 to %.60j and names %s', async (change, path) => {
    const reply = await provision({ template_id: 'free', machine_count: 1, ...change });
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });

  test('keeps members of any name', async () => {
    const body = '{"template_id":"free","machine_count":1,"request_id":"proto","tags":{"__proto__":{"a":1}}}';
    const reply = await api.call('POST', '/v1/provision-requests', { body });
    expect(reply.status).toBe(201);
    expect(reply.text).toContain('"tags":{"__proto__":{"a":1}}');
    expect((await api.call('POST', '/v1/provision-requests', { body })).status).toBe(200);
  });
});
