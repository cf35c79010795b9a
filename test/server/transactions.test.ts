import { type RunningApi, startApi, template } from './running-api.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from './suite.ts';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());
beforeEach(() => api.saveTemplate('t1'));

const run = (operations: unknown) => api.call('POST', '/v1/transactions', { body: { operations } });
const on = (collection: string, id: string, rest: object) => ({ collection, id, ...rest });
const request = { template_id: 't1', machine_count: 0, status: 'PENDING' };

describe('POST /v1/transactions', () => {
  test('executes every operation and returns the known versions', async () => {
    await api.call('PUT', '/v1/requests/old', { body: request });
    const version = (await api.call('GET', '/v1/templates/t1')).body.version;
    const reply = await run([
      on('templates', 't1', { action: 'check', expected_version: version }),
      on('templates', 't1', { action: 'check' }),
      on('requests', 'absent', { action: 'check', expected_version: 0 }),
      on('requests', 'new', { action: 'save', entity: request, expected_version: 0 }),
      on('requests', 'new', { action: 'update', changes: { status: 'DONE' }, expected_version: 1 }),
      on('requests', 'old', { action: 'delete', expected_version: 1 }),
    ]);
    expect(reply.status).toBe(200);
    expect(reply.body.results).toEqual([
      { collection: 'templates', id: 't1', version },
      { collection: 'templates', id: 't1' },
      { collection: 'requests', id: 'absent' },
      { collection: 'requests', id: 'new', version: 1 },
      { collection: 'requests', id: 'new', version: 2 },
      { collection: 'requests', id: 'old' },
    ]);
    expect((await api.call('GET', '/v1/requests/new')).body).toMatchObject({ status: 'DONE', version: 2 });
    expect((await api.call('GET', '/v1/requests/old')).status).toBe(404);
  });

  test.each([
    [
      'a conflict',
      on('templates', 't1', { action: 'update', changes: {}, expected_version: 99 }),
      409,
      'concurrency_conflict',
    ],
    [
      'a taken id',
      on('templates', 't1', { action: 'save', entity: template(), expected_version: 0 }),
      409,
      'entity_exists',
    ],
    [
      'a conflict in the entity',
      on('templates', 't1', { action: 'save', entity: template({ version: 99 }) }),
      409,
      'concurrency_conflict',
    ],
    ['a failed check', on('templates', 'none', { action: 'check' }), 404, 'entity_not_found'],
    ['a missing entity', on('templates', 'none', { action: 'delete' }), 404, 'entity_not_found'],
    [
      'a missing parent',
      on('requests', 'x', { action: 'save', entity: { ...request, template_id: 'no' } }),
      409,
      'template_not_found',
    ],
    ['an invalid entity', on('templates', 't1', { action: 'save', entity: {} }), 400, 'validation_failed'],
    [
      'another id in the entity',
      on('templates', 't1', { action: 'save', entity: template({ template_id: 'z' }) }),
      400,
      'validation_failed',
    ],
    ['an invalid id', on('templates', '', { action: 'delete' }), 400, 'validation_failed'],
  ])('rolls back and names the operation: %s', async (_, operation, status, code) => {
    const reply = await run([on('requests', 'rolled-back', { action: 'save', entity: request }), operation]);
    expect(reply).toMatchObject({ status, body: { type: `urn:hostfactory:problem:${code}`, operation_index: 1 } });
    expect((await api.call('GET', '/v1/requests/rolled-back')).status).toBe(404);
  });

  test.each([
    [[], 'operations'],
    ['none', 'operations'],
    [undefined, 'operations'],
    [[7], 'operations[0]'],
    [[{ action: 'save', collection: 'templates', id: 'a' }], 'operations[0].entity'],
    [[{ action: 'save', collection: 'templates', id: 'a', entity: [] }], 'operations[0].entity'],
    [[{ action: 'save', collection: 'templates', entity: {} }], 'operations[0].id'],
    [[{ action: 'update', collection: 'templates', id: 'a', changes: {}, entity: {} }], 'operations[0].entity'],
    [
      [{ action: 'update', collection: 'templates', id: 'a', changes: {}, expected_version: 0 }],
      'operations[0].expected_version',
    ],
    [[{ action: 'check', collection: 'templates', id: 'a', expected_version: 1.5 }], 'operations[0].expected_version'],
    [[{ action: 'check', collection: 'templates', id: 'a', expected_version: 3e9 }], 'operations[0].expected_version'],
    [[{ action: 'check', collection: 'templates', id: 5 }], 'operations[0].id'],
    [[{ action: 'check', collection: 'toString', id: 'a' }], 'operations[0].collection'],
    [[{ action: 'explode', collection: 'templates', id: 'a' }], 'operations[0].action'],
    [Array.from({ length: 101 }, (_, i) => on('templates', `${i}`, { action: 'check' })), 'operations'],
  ])('answers 400 to %.70j and names %s', async (operations, path) => {
    const reply = await run(operations);
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });

  test('answers 400 if 100 operations touch more entities than a transaction may', async () => {
    const operations = Array.from({ length: 100 }, (_, i) =>
      on('requests', `r${i}`, { action: 'save', entity: request }),
    );
    const reply = await run(operations);
    expect(reply).toMatchObject({ status: 400, body: { type: 'urn:hostfactory:problem:transaction_too_large' } });
    expect((await run(operations.slice(1))).status).toBe(200);
  });

  test('loses no write if many run concurrently', async () => {
    await api.saveTemplate('counter', { n: 0 });
    const add = async (): Promise<void> => {
      const { body } = await api.call('GET', '/v1/templates/counter');
      const operation = { action: 'update', changes: { n: (body.n as number) + 1 }, expected_version: body.version };
      const { status } = await run([on('templates', 'counter', operation)]);
      if (status === 409) return add();
      expect(status).toBe(200);
    };
    await Promise.all(Array.from({ length: 8 }, add));
    expect((await api.call('GET', '/v1/templates/counter')).body.n).toBe(8);
  });
});
