/** Random inputs of the model-based test: few ids and values, so that operations often collide. */
import fc from 'fast-check';
import type { CollectionName } from '../../lib/model/collections.ts';
import type { JsonValue } from '../../lib/model/entities.ts';
import { anyCharacter } from '../any-character.ts';
import type { Fields, OracleFilter } from './oracle.ts';

export interface Target {
  readonly collection: CollectionName;
  readonly id: string;
}

export type WriteAction =
  | {
      readonly action: 'save';
      readonly target: Target;
      readonly fields: Fields;
      readonly expected?: number | undefined;
    }
  | {
      readonly action: 'update';
      readonly target: Target;
      readonly fields: Fields;
      readonly expected?: number | undefined;
    }
  | { readonly action: 'delete'; readonly target: Target; readonly expected?: number | undefined };

export interface QueryAction {
  readonly collection: CollectionName;
  readonly filters: readonly OracleFilter[];
  readonly orderBy: string | undefined;
  readonly limit: number;
}

export const ids: Record<CollectionName, readonly string[]> = {
  templates: ['t1', '__proto__', '漢/😀'],
  requests: ['r1', 'r2', 'constructor', '\uff5e'],
  machines: ['m1', 'm2', 'm3', '😀', 'é', '..'],
};
const idFields = { templates: 'template_id', requests: 'request_id', machines: 'machine_id' } as const;

// U+FF5E and 😀 sort differently in JavaScript's order and by bytes.
const text = fc.constantFrom('a', 'ab', 'A', 'b', '\uff5e', '😀', "'", '__proto__', '10', '9');
const time = fc.constantFrom('2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.001Z', '2025-12-31T23:00:00.000Z');
const number = fc
  .double({ min: -1e12, max: 1e12, noNaN: true })
  .filter((value) => value === 0 || Math.abs(value) > 1e-100);
const anyText = (minLength: number) =>
  fc.string({ unit: anyCharacter, minLength, maxLength: 6 }).filter((value) => !value.includes('\0'));
const { json } = fc.letrec<{ json: JsonValue }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, {}, []),
    number,
    anyText(0),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(anyText(1), tie('json'), { maxKeys: 3 }),
  ),
}));
// Through JSON and back: plain objects and no -0, as the store returns them.
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value));
const tame = json.filter((value) => value !== null).map(plain);
const absent = fc.constant(null);
const maybe = (value: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: absent });

const parentId = (collection: CollectionName) => fc.constantFrom(...ids[collection]);
const required = {
  templates: fc.record({ name: text, provider_api: text, vm_type: text, max_number: fc.integer({ min: 1, max: 12 }) }),
  requests: fc.record({ template_id: parentId('templates'), machine_count: fc.nat(12), status: text }),
  machines: fc.record({ request_id: parentId('requests'), template_id: parentId('templates'), status: text }),
};
const optional = {
  templates: fc.record({
    image_id: maybe(text),
    attributes: maybe(fc.dictionary(text, tame).map(plain)),
    extra: maybe(tame),
  }),
  requests: fc.record({ completed_at: maybe(time), request_type: maybe(text), extra: maybe(tame) }),
  machines: fc.record({ private_ip: maybe(text), started_at: maybe(time), extra: maybe(tame) }),
};
const created = fc.record({ created_at: time }, { requiredKeys: [] });

const collection = fc.constantFrom<CollectionName[]>('templates', 'requests', 'machines');
const expected = fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(3) });
const target = collection.chain((name) => parentId(name).map((id): Target => ({ collection: name, id })));

const saveOf = (of: Target): fc.Arbitrary<WriteAction> =>
  fc
    .tuple(required[of.collection], optional[of.collection], created, expected)
    .map(([needed, more, times, version]) => ({
      action: 'save',
      target: of,
      fields: { [idFields[of.collection]]: of.id, ...needed, ...more, ...times },
      expected: version,
    }));

const updateOf = (of: Target): fc.Arbitrary<WriteAction> => {
  const some = fc.tuple(required[of.collection], optional[of.collection]).chain(([needed, more]) => {
    const all: Fields = { ...needed, ...more };
    return fc.subarray(Object.keys(all)).map((names) => Object.fromEntries(names.map((name) => [name, all[name]])));
  });
  return fc.tuple(some, expected).map(([fields, version]) => ({
    action: 'update',
    target: of,
    // request_type is required: it can be changed, not removed.
    fields: Object.fromEntries(Object.entries(fields).filter((pair) => pair[0] !== 'request_type' || pair[1] !== null)),
    expected: version,
  }));
};

export const write: fc.Arbitrary<WriteAction> = target.chain((of) =>
  fc.oneof(
    { weight: 5, arbitrary: saveOf(of) },
    { weight: 2, arbitrary: updateOf(of) },
    {
      weight: 1,
      arbitrary: expected.map((version): WriteAction => ({ action: 'delete', target: of, expected: version })),
    },
  ),
);

export const get: fc.Arbitrary<Target> = target;

/** Entities of one collection with distinct ids. */
export const batch = collection.chain((name) =>
  fc.subarray([...ids[name]], { minLength: 1 }).chain((chosen) => {
    const saves = chosen.map((id) => saveOf({ collection: name, id }));
    return fc
      .tuple(...saves)
      .map((actions) => ({ collection: name, fields: actions.map((one) => (one as { fields: Fields }).fields) }));
  }),
);

const scalars: Record<CollectionName, readonly [string, fc.Arbitrary<string | number>][]> = {
  templates: [
    ['name', text],
    ['image_id', text],
    ['max_number', fc.nat(12)],
    ['template_id', parentId('templates')],
  ],
  requests: [
    ['status', text],
    ['template_id', parentId('templates')],
    ['machine_count', fc.nat(12)],
    ['completed_at', time],
  ],
  machines: [
    ['status', text],
    ['request_id', parentId('requests')],
    ['started_at', time],
    ['private_ip', text],
  ],
};
const common: readonly [string, fc.Arbitrary<string | number>][] = [
  ['created_at', time],
  ['version', fc.nat(4)],
];

const filterOf = ([field, value]: readonly [string, fc.Arbitrary<string | number>]): fc.Arbitrary<OracleFilter> => {
  const single = fc.constantFrom<OracleFilter['operator'][]>('eq', 'ne', 'gt', 'gte', 'lt', 'lte');
  const one = fc.record({ field: fc.constant(field), operator: single, operand: value });
  const any = fc.array(value, { maxLength: 3 }).map((operand): OracleFilter => ({ field, operator: 'in', operand }));
  const start = fc
    .constantFrom('', 'a', '2026', '_')
    .map((operand): OracleFilter => ({ field, operator: 'begins_with', operand }));
  const isText = !['max_number', 'machine_count', 'version'].includes(field);
  return isText ? fc.oneof(one, any, start) : fc.oneof(one, any);
};

export const query: fc.Arbitrary<QueryAction> = collection.chain((name) => {
  const fields = [...scalars[name], ...common];
  const orders = [...fields.map(([field]) => field), 'updated_at', idFields[name]];
  return fc.record({
    collection: fc.constant(name),
    filters: fc.subarray(fields, { maxLength: 2 }).chain((chosen) => fc.tuple(...chosen.map(filterOf))),
    orderBy: fc.option(fc.constantFrom(...orders, ...orders.map((field) => `-${field}`)), { nil: undefined }),
    limit: fc.constantFrom(1, 2, 3, 1000),
  });
});

export const count = query.chain(({ collection: name, filters }) =>
  fc
    .constantFrom(...[...scalars[name], ...common].map(([field]) => field))
    .map((groupBy) => ({ collection: name, filters, groupBy })),
);
