/** Calls that DynamoDB refuses, throttles or executes in part: success or the right error, never a silent loss. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  ConfigurationError,
  type StorageError,
  StorageUnavailableError,
  ValidationError,
} from '../../../lib/repository/errors.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import { rejection } from '../../contract/rejection.ts';
import { newId, request, saveAll, saveTemplate, template } from '../../contract/samples.ts';
import { type Answer, type Fault, failing, openBehindFaults, type StoreBehindFaults } from './faulty-dynamodb.ts';

let behind: StoreBehindFaults;
beforeAll(async () => {
  // The SDK's adaptive retries wait for seconds after each throttling.
  behind = await openBehindFaults({ max_attempts: 2 });
});
afterAll(async () => behind[Symbol.asyncDispose]());
beforeEach(() => behind.renew());

const answering =
  (name: string, status?: number): Fault =>
  async () =>
    failing(name, status);

const any = (): boolean => true;

/** One of each kind of call. */
const operations: readonly (readonly [string, (store: Repository, id: string) => Promise<unknown>])[] = [
  ['get', (store, id) => store.getEntity('templates', id)],
  ['getEntities', (store, id) => store.getEntities('templates', [id, 'none'])],
  ['query by an index', (store) => store.queryEntities('machines', { filters: { status: 'RUNNING' } })],
  ['query by a scan', (store) => store.queryEntities('templates', { filters: { name: 'Standard' } })],
  ['count', (store) => store.countEntities('templates')],
  ['save', (store, template_id) => store.saveEntity('templates', template({ template_id }))],
  ['create', (store) => store.saveEntity('templates', template(), { expectedVersion: 0 })],
  ['update', (store, id) => store.updateEntity('templates', id, { name: 'Other' })],
  ['delete', (store, id) => store.deleteEntity('templates', id)],
  ['batch', (store) => saveAll(store, 'templates', [template(), template()])],
  ['transaction', (store, id) => transaction(store, id)],
  ['health', (store) => store.health()],
];

const transaction = (store: Repository, id: string): Promise<unknown> =>
  store.transaction(async (tx) => {
    await tx.updateEntity('templates', id, { name: 'Other' });
    await tx.saveEntity('templates', template());
  });

/** The error, which must be readable. */
async function readable(operation: Promise<unknown>): Promise<StorageError> {
  const error = await rejection(operation);
  expect(error.message).toMatch(/[Tt]ry again|Renew|Grant|Check|read the record before|split|smaller|doctor/);
  expect(error.message).not.toMatch(/undefined|\[object|\$metadata|SDK|127\.0\.0\.1|Expression|at async/);
  return error;
}

describe.each(operations)('%s', (_, run) => {
  test.each(['ThrottlingException', 'ProvisionedThroughputExceededException', 'InternalServerError'])(
    'is made again after one %s',
    async (name) => {
      const { store, faults, direct } = behind;
      const { template_id } = await saveTemplate(direct);
      faults.on(any, answering(name, name === 'InternalServerError' ? 500 : 400), 1);
      await run(store, template_id);
    },
  );

  test.each([
    ['ThrottlingException', 400, StorageUnavailableError],
    ['ProvisionedThroughputExceededException', 400, StorageUnavailableError],
    ['InternalServerError', 500, StorageUnavailableError],
    ['ServiceUnavailable', 503, StorageUnavailableError],
    ['ExpiredTokenException', 400, StorageUnavailableError],
    ['UnrecognizedClientException', 400, StorageUnavailableError],
    ['AccessDeniedException', 400, ConfigurationError],
    ['ResourceNotFoundException', 400, StorageUnavailableError],
    ['ValidationException', 400, ValidationError],
  ])('ends after repeated %s, and the next call works', async (name, status, type) => {
    const { store, faults, direct } = behind;
    const entity = await saveTemplate(direct);
    const { template_id } = entity;
    faults.on(any, answering(name, status));
    const error =
      name === 'ValidationException'
        ? await rejection(run(store, template_id))
        : await readable(run(store, template_id));
    expect(error).toBeInstanceOf(type);
    faults.heal();
    expect(await direct.getEntity('templates', template_id)).toEqual(entity);
    await behind.renew();
    await run(behind.store, template_id);
  });
});

describe('half of a BatchGetItem unprocessed', () => {
  /** Answers half of the keys, rounded down, and returns the others. */
  const half: Fault = async ({ input }) => {
    const [[table, request]] = Object.entries(input.RequestItems) as [[string, { Keys: object[] }]];
    const Keys = request.Keys.slice(0, Math.ceil(request.Keys.length / 2));
    return unprocessed(table, { ...request, Keys });
  };
  const unprocessed = (table: string, request: object): Answer => ({
    status: 200,
    body: { Responses: { [table]: [] }, UnprocessedKeys: { [table]: request } },
  });

  test('several times: all are found eventually', async () => {
    const { store, faults, direct } = behind;
    const entities = Array.from({ length: 150 }, () => template());
    await saveAll(direct, 'templates', entities);
    const ids = entities.map(({ template_id }) => template_id);
    faults.on('BatchGetItem', partly, 8);
    const { items, missing } = await store.getEntities('templates', ids);
    expect(missing).toEqual([]);
    expect(items.map(({ template_id }) => template_id)).toEqual(ids);
    expect(faults.calls.length).toBeGreaterThan(8);
  });

  /** Lets DynamoDB answer the first half, and omits the second. */
  const partly: Fault = async (call, forward) => {
    const answer = await forward();
    const [table] = Object.keys(call.input.RequestItems) as [string];
    const { Keys } = call.input.RequestItems[table] as { Keys: { template_id: { S: string } }[] };
    const left = new Set(Keys.slice(Math.ceil(Keys.length / 2)).map(({ template_id }) => template_id.S));
    const { Responses } = answer.body as { Responses: Record<string, { template_id: { S: string } }[]> };
    const found = (Responses[table] ?? []).filter(({ template_id }) => !left.has(template_id.S));
    const rest = Keys.filter(({ template_id }) => left.has(template_id.S));
    const UnprocessedKeys = rest.length === 0 ? {} : { [table]: { ...call.input.RequestItems[table], Keys: rest } };
    return { status: 200, body: { Responses: { [table]: found }, UnprocessedKeys } };
  };

  test('permanently: the error names keys', async () => {
    const { store, faults } = behind;
    faults.on('BatchGetItem', half);
    const error = await readable(store.getEntities('templates', ['lost-1', 'lost-2', 'lost-3']));
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain('"lost-1"');
  });
});

test('a batch of children and parents of more than 4 MB is saved in parts', async () => {
  await using large = await openBehindFaults({ timeout: 20 }, { enforceReferences: true });
  const filler = 'x'.repeat(300_000);
  const parents = Array.from({ length: 20 }, () => template({ filler }));
  await saveAll(large.direct, 'templates', parents);
  const children = parents.map(({ template_id }) => request(template_id, { filler }));
  await saveAll(large.store, 'requests', children);
  const ids = children.map(({ request_id }) => request_id);
  expect((await large.direct.getEntities('requests', ids)).missing).toEqual([]);
});

test('the same client works again after an outage', async () => {
  const { store, faults, direct } = behind;
  const entity = await saveTemplate(direct);
  faults.on(any, answering('InternalServerError', 500));
  await readable(store.getEntity('templates', entity.template_id));
  faults.heal();
  expect(await store.getEntity('templates', entity.template_id)).toEqual(entity);
});

test('an endpoint whose server has stopped', async () => {
  const gone = await openBehindFaults();
  await gone.stop();
  const error = await readable(gone.store.getEntity('templates', newId('none')));
  expect(error).toBeInstanceOf(StorageUnavailableError);
  expect(error.message).toContain('cannot be reached');
  const write = await readable(gone.store.saveEntity('templates', template()));
  expect(write.message).toContain('Try again');
  await gone[Symbol.asyncDispose]();
});

test('a missing table', async () => {
  const { store, faults } = behind;
  faults.on('GetItem', async (call, forward) => forward({ ...call.input, TableName: 'missing' }));
  const error = await readable(store.getEntity('templates', 't'));
  expect(error).toBeInstanceOf(StorageUnavailableError);
  expect(error.message).toMatch(/DynamoDB has no table \S+templates to read an entity/);
});

test('an item that DynamoDB finds too large is ValidationError', async () => {
  const { store, faults } = behind;
  faults.on('PutItem', (call, forward) =>
    forward({ ...call.input, Item: { ...call.input.Item, more: { S: 'x'.repeat(400 * 1024) } } }),
  );
  const error = await rejection(store.saveEntity('templates', template(), { expectedVersion: 0 }));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.message).toContain('400 KB');
});
