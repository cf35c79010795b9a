import { describe, expect, test } from '@jest/globals';
import type { CollectionName } from '../../lib/model/collections.ts';
import type { Entity } from '../../lib/model/entities.ts';
import { recordProblems } from '../../lib/model/validation.ts';
import { Compatibility, type CompatibilitySettings, normalRecord } from '../../lib/transfer/compatibility.ts';

const template = (id: string, fields: object = {}): Entity =>
  ({ template_id: id, name: 'n', provider_api: 'p', vm_type: 'v', max_number: 1, version: 1, ...fields }) as never;
const request = (id: string, fields: object = {}): Entity =>
  ({
    request_id: id,
    template_id: 't',
    machine_count: 1,
    status: 's',
    request_type: 'r',
    version: 1,
    ...fields,
  }) as never;
const machine = (id: string, fields: object = {}): Entity =>
  ({ machine_id: id, request_id: 'r', template_id: 't', status: 's', version: 1, ...fields }) as never;

/** A source in memory that counts how often it is asked. */
function sourceOf(parents: Partial<Record<CollectionName, readonly Entity[]>>) {
  const asked: string[] = [];
  const get: CompatibilitySettings['parents'] = async (collection, ids) => {
    asked.push(...ids.map((id) => `${collection} ${id}`));
    const field = { templates: 'template_id', requests: 'request_id', machines: 'machine_id' }[collection];
    return ids.map((id) => parents[collection]?.find((parent) => parent[field] === id));
  };
  return { get, asked };
}

function compatibilityOf(parents: Parameters<typeof sourceOf>[0], settings: Partial<CompatibilitySettings> = {}) {
  const source = sourceOf(parents);
  const target = { loadProblems: recordProblems, capabilities: { loadsInvalidRecords: false } };
  return {
    compatibility: new Compatibility({ target, enforceReferences: true, parents: source.get, ...settings }),
    ...source,
  };
}

const problemsIn = async (compatibility: Compatibility, collection: CollectionName, record: Entity) =>
  (await compatibility.checkPage(collection, [record])).incompatible[0]?.problems.map(
    ({ path, message }) => `${path} ${message}`,
  );

describe('a record as every store returns it', () => {
  const cases: readonly [string, object, object][] = [
    ['a version where there is none', { version: undefined }, { version: 1 }],
    ['a version where there is none that counts', { version: 'seven' }, { version: 1 }],
    ['a version of its own', { version: 7 }, { version: 7 }],
    ['no nulls at the top', { image_id: null, extra: [null] }, { extra: [null], version: 1 }],
    [
      'times in UTC',
      { created_at: '2026-01-01T02:00:00+02:00' },
      { created_at: '2026-01-01T00:00:00.000Z', version: 1 },
    ],
    ['what is no time as it is', { created_at: 'yesterday' }, { created_at: 'yesterday', version: 1 }],
    [
      'undeclared times as they are',
      { my_time: '2026-01-01T02:00:00+02:00' },
      { my_time: '2026-01-01T02:00:00+02:00', version: 1 },
    ],
  ];
  test.each(cases)('%s', (_, record, wanted) => {
    expect(normalRecord('templates', record as Entity)).toEqual(wanted);
  });

  test('a field __proto__ stays a field', () => {
    const record = normalRecord('templates', JSON.parse('{"__proto__":{"a":1},"version":2}'));
    expect(Object.keys(record)).toEqual(['__proto__', 'version']);
    expect(({} as { a?: number }).a).toBeUndefined();
  });
});

describe('what fits', () => {
  test('fields are derived from the parent, from the model, and from the settings, in this order', async () => {
    const defaults = { machines: { status: 'UNKNOWN', template_id: 'never' }, requests: { request_type: 'never' } };
    const { compatibility } = compatibilityOf({ templates: [template('t')], requests: [request('r')] }, { defaults });
    const lacking = machine('m', { template_id: undefined, status: undefined });
    expect(await compatibility.checkPage('machines', [lacking])).toEqual({
      entities: [machine('m', { status: 'UNKNOWN' })],
      incompatible: [],
    });
    const { entities } = await compatibility.checkPage('requests', [request('r', { request_type: undefined })]);
    expect(entities).toEqual([request('r', { request_type: 'provision' })]);
  });

  test('nothing is derived for a record that fits as it is', async () => {
    const defaults = { templates: { image_id: 'ami' } };
    const { compatibility } = compatibilityOf({}, { defaults });
    expect((await compatibility.checkPage('templates', [template('t')])).entities).toEqual([template('t')]);
  });

  test('a missing or incompatible parent is a problem of the child, and of its children', async () => {
    const { compatibility } = compatibilityOf({
      templates: [template('t'), template('bad', { max_number: 'ten' })],
      requests: [request('r'), request('of-bad', { template_id: 'bad' })],
    });
    expect(await problemsIn(compatibility, 'requests', request('x', { template_id: 'nobody' }))).toEqual([
      'template_id refers to templates "nobody", which does not exist',
    ]);
    expect(await problemsIn(compatibility, 'machines', machine('x', { request_id: 'of-bad' }))).toEqual([
      'request_id refers to requests "of-bad", which does not fit either',
    ]);
    expect(await problemsIn(compatibility, 'machines', machine('x'))).toBeUndefined();
  });

  test('parents do not matter where the target does not ask for them', async () => {
    const orphan = machine('x', { request_id: 'nobody' });
    const { compatibility, asked } = compatibilityOf({}, { enforceReferences: false });
    expect(await problemsIn(compatibility, 'machines', orphan)).toBeUndefined();
    const lenient = { loadProblems: () => [], capabilities: { loadsInvalidRecords: true } };
    expect(
      await problemsIn(compatibilityOf({}, { target: lenient }).compatibility, 'machines', orphan),
    ).toBeUndefined();
    expect(asked).toEqual([]);
  });

  test('a parent is asked for once, however many children it has', async () => {
    const { compatibility, asked } = compatibilityOf({ templates: [template('t')], requests: [request('r')] });
    for (let page = 0; page < 3; page++) {
      await compatibility.checkPage('machines', [machine(`a-${page}`), machine(`b-${page}`)]);
    }
    expect(asked.sort()).toEqual(['requests r', 'templates t']);
  });

  test('ids that objects inherit are ordinary ids', async () => {
    const { compatibility } = compatibilityOf({ templates: [template('__proto__')] });
    expect(await problemsIn(compatibility, 'requests', request('x', { template_id: '__proto__' }))).toBeUndefined();
    expect(await problemsIn(compatibility, 'requests', request('x', { template_id: 'constructor' }))).toHaveLength(1);
  });
});
