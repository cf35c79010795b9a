/** Items from the point of view of other programs, and items that other programs wrote. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { JsonValue } from '../../../lib/model/entities.ts';
import { MAX_ENTITY_BYTES } from '../../../lib/model/limits.ts';
import type { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { newTestTables } from '../../backends/test-tables.ts';
import { newId, request, saveTemplate, template } from '../../contract/samples.ts';

const tables = newTestTables();
const TableName = `${tables.table_prefix}_templates`;
let store: StorageRepository;
let client: DynamoDBDocument;
beforeAll(async () => {
  store = await openRepository({
    storage: { strategy: 'dynamodb', enforce_references: false, dynamodb_strategy: tables },
  });
  client = DynamoDBDocument.from(new DynamoDBClient({ endpoint: tables.endpoint, region: tables.region }));
});
afterAll(async () => {
  await store.close();
  client.destroy();
});

const itemOf = async (template_id: string) => (await client.get({ TableName, Key: { template_id } })).Item;

/** An object nested so deep that the entity around it has 32 levels. */
const deep = (levels: number): JsonValue => (levels === 0 ? 'core' : { in: deep(levels - 1) });

const values: Record<string, JsonValue> = {
  numbers: [0, 1, -1, 1.5, 1e-100, 2 ** 53 - 1, 1 - 2 ** 53, 0.1, 1 / 3],
  'empty string': '',
  'empty list': [],
  'empty object': {},
  'empty ones inside': [[], {}, '', [{}], { a: [] }],
  nulls: [null, { a: null }],
  booleans: [true, false],
  nested: deep(31),
  quotes: { '"': 1, "'": 2, '\\': 3, 'a"b\\c': 4 },
  'control characters': { 'a\nb': 'c\nd', '\u0001': 1, '\t': '\u007f' },
  inherited: JSON.parse('{"__proto__": {"a": 1}, "constructor": 2, "toString": 3, "hasOwnProperty": 4}'),
  'private characters': { '\ue000': 1, '\ue001': 2, '\ue0000022': 3, 'a\ue001b': '\ue000' },
  'all planes': { 'ÄÖ☃𝒳': 'é\u0301😀𐀀' },
  'names of our own': { extra: 1, json_bytes: 2, write_id: 3, staged: 4, '#n0': ':v0' },
  'numbers as text': ['1', '1e5', 'NaN'],
};

describe.each(Object.entries(values))('%s', (_, value) => {
  test('survives a save and an update', async () => {
    const saved = await store.saveEntity('templates', template({ value }));
    const { template_id } = saved;
    expect(saved.value).toEqual(value);
    expect(await store.getEntity('templates', template_id)).toEqual(saved);
    const updated = await store.updateEntity('templates', template_id, { value: [1], other: value });
    expect(updated).toMatchObject({ value: [1], version: 2 });
    expect(updated.other).toEqual(value);
    expect(await store.getEntity('templates', template_id)).toEqual(updated);
  });
});

test.each(['extra', 'json_bytes', 'write_id', 'staged', '__proto__', 'constructor', 'a"b', '\ue001x', '#n0', 'size'])(
  'an undeclared field may be called %j',
  async (name) => {
    const fields = Object.fromEntries([[name, 'mine']]);
    const { template_id } = await store.saveEntity('templates', { ...template(), ...fields } as never);
    const stored = await store.getEntity('templates', template_id);
    expect(Object.getOwnPropertyDescriptor(stored, name)?.value).toBe('mine');
    await store.updateEntity('templates', template_id, Object.fromEntries([[name, 'other']]));
    const updated = await store.getEntity('templates', template_id);
    expect(Object.getOwnPropertyDescriptor(updated, name)?.value).toBe('other');
    await store.updateEntity('templates', template_id, Object.fromEntries([[name, null]]));
    expect(Object.hasOwn((await store.getEntity('templates', template_id)) as object, name)).toBe(false);
  },
);

test('an entity of the largest size', async () => {
  // Including the system fields, which also count.
  const filler = 'x'.repeat(MAX_ENTITY_BYTES - 400);
  const saved = await store.saveEntity('templates', template({ filler }));
  const updated = await store.updateEntity('templates', saved.template_id, { filler: filler.replaceAll('x', 'y') });
  expect(updated.filler).toBe(filler.replaceAll('x', 'y'));
  await expect(store.updateEntity('templates', saved.template_id, { more: 'x'.repeat(1000) })).rejects.toMatchObject({
    code: 'validation_failed',
  });
  expect(await store.getEntity('templates', saved.template_id)).toEqual(updated);
});

test('the attributes of an item, as seen by other programs', async () => {
  const attributes = { ncpus: ['Numeric', '2'] };
  const input = template({ max_number: 7, subnet_ids: ['a', 'b'], attributes, colour: 'red', image_id: null });
  const saved = await store.saveEntity('templates', input);
  const { colour: _, image_id: _absent, ...declared } = { ...input };
  const { created_at, updated_at } = saved;
  const item = await itemOf(saved.template_id);
  expect(item).toEqual({
    ...declared,
    created_at,
    updated_at,
    version: 1,
    extra: { colour: 'red' },
    json_bytes: expect.any(Number),
    write_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  expect(item?.json_bytes).toBe(Buffer.byteLength(JSON.stringify(saved)));
});

describe('an item that another program wrote', () => {
  const foreign = {
    name: 'Foreign',
    provider_api: 'RunInstances',
    vm_type: 't3.medium',
    max_number: 4,
    colour: 'red',
    tags: new Set(['a', 'b']),
    sizes: new Set([1, 2]),
    bytes: Buffer.from('bytes'),
    big: 2n ** 60n,
    nested: { list: [1, { deep: true }] },
  };
  const others = { colour: 'red', bytes: 'Ynl0ZXM=', big: 2 ** 60, nested: { list: [1, { deep: true }] } };
  const asRead = { name: 'Foreign', max_number: 4, ...others, tags: ['a', 'b'], sizes: expect.arrayContaining([1, 2]) };

  const put = async (more: object = {}): Promise<string> => {
    const template_id = newId('foreign');
    await client.put({ TableName, Item: { template_id, ...foreign, ...more } });
    return template_id;
  };

  test('is read and found', async () => {
    const name = newId('name');
    const template_id = await put({ name });
    expect(await store.getEntity('templates', template_id)).toMatchObject({ ...asRead, name });
    const { items } = await store.queryEntities('templates', { filters: { name } });
    expect(items).toEqual([expect.objectContaining({ ...asRead, name })]);
  });

  test.each<[string, object | undefined]>([
    ['any version', undefined],
    ['version 1', { expectedVersion: 1 }],
    ["version 'exists'", { expectedVersion: 'exists' }],
  ])('an update expecting %s loses nothing', async (_, options) => {
    const template_id = await put();
    await store.updateEntity('templates', template_id, { max_number: 9 }, options);
    expect(await store.getEntity('templates', template_id)).toMatchObject({ ...asRead, max_number: 9, version: 2 });
    await store.updateEntity('templates', template_id, { max_number: 10, size: 'new' });
    const last = { ...asRead, max_number: 10, size: 'new', version: 3 };
    expect(await store.getEntity('templates', template_id)).toMatchObject(last);
  });

  test('undeclared fields are updated and removed', async () => {
    const template_id = await put();
    const updated = await store.updateEntity('templates', template_id, { colour: 'blue', tags: null, more: [1] });
    expect(updated).toMatchObject({ ...others, colour: 'blue', more: [1], version: 2 });
    expect(updated).not.toHaveProperty('tags');
    expect(await store.getEntity('templates', template_id)).toEqual(updated);
  });

  test.each<[string, object | undefined]>([
    ['any version', undefined],
    ['version 1', { expectedVersion: 1 }],
    ["version 'exists'", { expectedVersion: 'exists' }],
  ])('a replacement expecting %s replaces it completely', async (_, options) => {
    const template_id = await put({ extra: 'theirs', image_id: 'ami-1' });
    const entity = template({ template_id, colour: 'green' });
    const saved = await store.saveEntity('templates', entity, options);
    const stored = await store.getEntity('templates', template_id);
    expect(stored).toEqual({ ...entity, created_at: saved.created_at, updated_at: saved.updated_at, version: 2 });
    const item = await itemOf(template_id);
    for (const name of ['tags', 'sizes', 'bytes', 'big', 'nested', 'image_id']) expect(item).not.toHaveProperty(name);
  });

  test.each([undefined, { expectedVersion: 1 }])('is deleted, expecting %j', async (options) => {
    const template_id = await put();
    await store.deleteEntity('templates', template_id, options);
    expect(await itemOf(template_id)).toBeUndefined();
  });

  test.each([0, 2])('is not changed by a write that expects version %i', async (expectedVersion) => {
    const template_id = await put();
    const before = await itemOf(template_id);
    const options = { expectedVersion };
    const entity = template({ template_id });
    await expect(store.saveEntity('templates', entity, options)).rejects.toMatchObject({ code: /exists|conflict/ });
    await expect(store.updateEntity('templates', template_id, { name: 'x' }, options)).rejects.toThrow();
    await expect(store.deleteEntity('templates', template_id, options)).rejects.toThrow();
    expect(await itemOf(template_id)).toEqual(before);
  });

  test('takes part in transactions', async () => {
    const template_id = await put();
    await store.transaction(async (tx) => {
      await tx.checkEntity('templates', template_id, { expectedVersion: 1 });
      await tx.updateEntity('templates', template_id, { max_number: 5 });
      await tx.saveEntity('templates', template());
    });
    expect(await store.getEntity('templates', template_id)).toMatchObject({ ...asRead, max_number: 5, version: 2 });
  });

  test('without created_at is listed by scans, and by an index after a write of this store', async () => {
    const { template_id } = await saveTemplate(store);
    const { request_id, ...fields } = request(template_id);
    await client.put({ TableName: `${tables.table_prefix}_requests`, Item: { request_id, ...fields } });
    const named = async (): Promise<string[]> => {
      const { items } = await store.queryEntities('requests', { filters: { template_id } });
      return items.map((item) => item.request_id);
    };
    expect(await store.getEntity('requests', request_id)).toMatchObject(fields);
    // A DynamoDB index does not contain items without its sort key.
    expect(await named()).toEqual([]);
    const updated = await store.updateEntity('requests', request_id, { status: 'DONE' });
    expect(updated).not.toHaveProperty('created_at');
    expect(await named()).toEqual([request_id]);
  });
});
