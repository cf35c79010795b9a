/** Entities of all three collections with every awkward id, value, version and time that a store must be able to hold. */
import fc from 'fast-check';
import { type CollectionName, collectionNames } from '../../lib/model/collections.ts';
import type { Entity, JsonValue } from '../../lib/model/entities.ts';
import type { StorageStrategy } from '../../lib/repository/storage-strategy.ts';
import { write } from '../contract/arbitraries.ts';

export type Entities = Readonly<Record<CollectionName, readonly Entity[]>>;

const awkwardIds = [
  '__proto__',
  'constructor',
  'toString',
  'a/b',
  '../..',
  '.',
  'ü 漢字',
  '😀',
  '\uff5e',
  'it\'s "quoted" \\ `id` ; -- %_',
  '{"json":1}',
  ' leading and trailing ',
  '\u00e9',
  'e\u0301',
  '10',
  '9',
  'x'.repeat(255),
  '😀'.repeat(255),
];

const nested = (levels: number): JsonValue => (levels === 0 ? 'bottom' : { in: [nested(levels - 1)] });

const awkwardValues: readonly JsonValue[] = [
  false,
  0,
  '',
  [],
  {},
  [null, [null], { a: null }],
  { a: { b: null, c: [], d: {}, e: '' } },
  `it's "quoted" \\ / \` ; -- %_ \${x}`,
  ' \t\r\n\u2028\u2029\u00a0\u0001\u001f\u007f\ufeff',
  Array.from({ length: 17 }, (_, plane) => String.fromCodePoint(plane * 0x10000 + 0x1234)).join(''),
  { '\uff5e': 1, '😀': 2, z: 3, Z: 4, ' ': 5, 'a.b': 6, 0: 7, $ref: 8, ':x': 9, '#y': 10 },
  ['\u00e9', 'e\u0301', '\u212b'],
  ['1', '1.0', '1e5', 'NaN', 'null', '2026-11-22T10:00:00+05:00', '2026-11-22T10:00:00.000Z'],
  [2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 31, 0.1, 0.1 + 0.2, 1e-130, -1e-130, 1.7976931348623157e-100, 1 / 3, 1e15],
  JSON.parse('{"__proto__":{"a":1},"constructor":{"prototype":null},"toString":1}'),
  nested(15),
  'x'.repeat(20_000),
  Array.from({ length: 2_000 }, (_, i) => i),
];

/** Values that fast-check made up; always the same ones. */
const randomValues = fc
  .sample(write, { numRuns: 400, seed: 20_261_122 })
  .flatMap((action) => ('fields' in action ? [action.fields.extra, action.fields.attributes] : []))
  .filter((value): value is JsonValue => value !== undefined && value !== null);

const values = [...awkwardValues, ...randomValues];
const valueAt = (i: number): JsonValue => values[i % values.length] as JsonValue;

const idAt = (prefix: string, i: number): string => awkwardIds[i] ?? `${prefix}-${String(i).padStart(6, '0')}`;

const timeAt = (i: number): string => new Date(Date.UTC(1970, 0, 1) + i * 179_424_673).toISOString();

const stored = (i: number) => ({
  created_at: timeAt(i),
  updated_at: timeAt(i + 7),
  version: i % 5 === 4 ? 2 ** 31 - 1 - i : (i % 9) + 1,
});

const templateAt = (i: number): Entity => ({
  template_id: idAt('template', i),
  name: '漢'.repeat((i % 255) + 1),
  provider_api: 'RunInstances',
  vm_type: '😀'.repeat((i % 50) + 1),
  max_number: i % 3 === 0 ? -1 : 2_147_483_647 - i,
  subnet_ids: [valueAt(i), valueAt(i + 1)],
  attributes: { inside: valueAt(i) },
  // Of every entity an own field: `__proto__` is an ordinary name.
  ...JSON.parse(`{"__proto__":{"i":${i}},"constructor":"c"}`),
  ...stored(i),
});

const requestAt = (i: number, templates: number): Entity => ({
  request_id: idAt('request', i),
  template_id: idAt('template', i % templates),
  machine_count: i,
  status: i % 2 === 0 ? 'PENDING' : "it's",
  request_type: 'provision',
  ...(i % 3 === 0 && { completed_at: timeAt(i + 1) }),
  tags: { value: valueAt(i) },
  metadata: {},
  ...stored(i),
});

const machineAt = (i: number, requests: number, templates: number): Entity => ({
  machine_id: idAt('machine', i),
  request_id: idAt('request', i % requests),
  template_id: idAt('template', i % templates),
  status: 'RUNNING',
  private_ip: i % 4 === 0 ? '' : `10.0.${(i >> 8) & 255}.${i & 255}`,
  value: valueAt(i),
  ...(i % 100 === 0 && { 'a name with "quotes" and ~ ^ .': valueAt(i + 1) }),
  ...stored(i),
});

/** So many entities, most of them machines; the same ones each time. */
export function awkwardEntities(count: number): Entities {
  const templates = Math.min(values.length, Math.ceil(count / 20));
  const requests = Math.ceil(count / 10);
  const machines = count - templates - requests;
  const list = (length: number, make: (i: number) => Entity): Entity[] => Array.from({ length }, (_, i) => make(i));
  const largest = { ...templateAt(templates - 1), filling: '漢'.repeat(115_000) };
  return {
    templates: [...list(templates - 1, templateAt), largest],
    requests: list(requests, (i) => requestAt(i, templates)),
    machines: list(machines, (i) => machineAt(i, requests, templates)),
  };
}

/** Puts entities into a store as they are. */
export async function loadAll(strategy: Pick<StorageStrategy, 'load'>, entities: Partial<Entities>): Promise<void> {
  for (const collection of collectionNames) {
    const all = entities[collection] ?? [];
    for (let start = 0; start < all.length; start += 1000) {
      await strategy.load(collection, all.slice(start, start + 1000));
    }
  }
}
