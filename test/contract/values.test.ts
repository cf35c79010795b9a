import { describe, expect, test } from '@jest/globals';
import type { JsonObject, JsonValue } from '../../lib/model/entities.ts';
import { ValidationError } from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { newId, saveTemplate, template } from './samples.ts';

/** A list nested `levels` deep. */
const nested = (levels: number): JsonValue => {
  let value: JsonValue = 'bottom';
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value };
  return value;
};

/** One character of each of Unicode's 17 planes, and the limits between encodings of different length in UTF-8 and UTF-16. */
const everyPlane = [
  ...Array.from({ length: 17 }, (_, plane) => String.fromCodePoint(plane * 0x10000 + 0x1234)),
  ...[0x01, 0x1f, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xffff, 0x10000, 0x10ffff].map((point) =>
    String.fromCodePoint(point),
  ),
].join('');

const accepted: readonly [string, JsonValue][] = [
  ['false', false],
  ['true', true],
  ['zero', 0],
  ['an empty text', ''],
  ['an empty list', []],
  ['an empty object', {}],
  ['null in a list', [null]],
  ['null in an object', { a: null, b: { c: null } }],
  ['empty things inside others', { a: [[], {}, ''], b: { c: {} } }],
  ['quotes', `it's "quoted" \\ with \`all\` -- ; kinds / of % _ them \${x} {{y}}`],
  ['white space', ' \t\r\n\u2028\u2029\u00a0 '],
  ['control characters', '\u0001\u001f\u007f\u0085'],
  ['every plane of Unicode', everyPlane],
  ['every plane of Unicode in a key', { [everyPlane]: everyPlane }],
  ['characters that normalisation would change', ['é', 'e\u0301', 'ﬁ', '\u212b', '각']],
  ['a text like a number', ['1', '1.0', '0x10', '1e5', 'NaN']],
  ['a text like a timestamp', '2026-11-22T10:00:00+05:00'],
  ['a text like JSON', '{"a":[1]}'],
  ['tenths', [0.1, 0.2, 0.1 + 0.2]],
  ['the largest exact integers', [2 ** 53 - 1, -(2 ** 53 - 1)]],
  ['the smallest numbers', [1e-130, -1e-130, 1.7976931348623157e-100]],
  ['long fractions', [Math.PI, -Math.E, 1 / 3, 123456789.12345679, 4503599627370495.5]],
  ['integers written as fractions', [1.0, 100, 1e15]],
  ['keys that objects inherit', { constructor: 1, toString: 2, hasOwnProperty: 3, valueOf: null }],
  ['a key __proto__', JSON.parse('{"__proto__":{"a":1},"b":{"__proto__":null}}')],
  [
    'keys like indexes',
    { 0: 'a', '-1': 'b', '01': 'c', ' ': 'd', 'a.b': 'e', '[0]': 'f', $ref: 'g', ':x': 'h', '#y': 'i' },
  ],
  ['mixed lists', [1, 'a', null, true, [], {}, [1, [2, [3]]]]],
  ['31 levels inside the entity', nested(31)],
  ['a long text', 'x'.repeat(100_000)],
  ['a long list', Array.from({ length: 20_000 }, (_, i) => i)],
];

const refused: readonly [string, unknown, string][] = [
  ['NaN', Number.NaN, ''],
  ['infinity', [1, Number.POSITIVE_INFINITY], '[1]'],
  ['minus infinity', { a: Number.NEGATIVE_INFINITY }, '.a'],
  ['2^53', 2 ** 53, ''],
  ['-2^53', { 'odd key': -(2 ** 53) }, '["odd key"]'],
  ['1e300', 1e300, ''],
  ['1e-131', 1e-131, ''],
  ['the smallest double', { a: [Number.MIN_VALUE] }, '.a[0]'],
  ['U+0000', 'a\u0000b', ''],
  ['U+0000 in a key', { 'a\u0000': 1 }, '["a\\u0000"]'],
  ['a high surrogate alone', '\ud83d', ''],
  ['a low surrogate alone', ['\ude00'], '[0]'],
  ['surrogates in the wrong order', '\ude00\ud83d', ''],
  ['half a surrogate pair in a key', { '\ud83d': 1 }, '["\\ud83d"]'],
  ['an empty field name', { '': 1 }, '[""]'],
  ['32 levels inside the entity', nested(32), `${'.in[0]'.repeat(15)}.in`],
  ['undefined in a list', [undefined], '[0]'],
  ['a function', { f: () => 1 }, '.f'],
  ['a bigint', 1n, ''],
  ['a symbol', Symbol('s'), ''],
  ['a date', new Date(0), ''],
  ['a map', { m: new Map() }, '.m'],
  ['bytes', Buffer.from('x'), ''],
];

onEveryRepository((store, factory) => {
  describe('kept exactly:', () => {
    test.each(accepted)('%s', async (_, value) => {
      const { repository } = store();
      const { template_id } = await saveTemplate(repository, { value, attributes: { inside: 1 } });
      expect(await repository.getEntity('templates', template_id)).toMatchObject({ value });
      expect((await repository.getEntity('templates', template_id))?.value).toStrictEqual(value);
      const updated = await repository.updateEntity('templates', template_id, { value, other: value });
      expect(updated.other).toStrictEqual(value);
      const { items } = await repository.queryEntities('templates', { filters: { template_id } });
      expect(items).toStrictEqual([updated]);
    });

    test('all of them together, after the store was opened again', async () => {
      await using open = await factory.open();
      const big = new Set(['a long text', 'a long list', '31 levels inside the entity']);
      const values = accepted.filter(([name]) => !big.has(name)).map(([, value]) => value);
      const saved = await saveTemplate(open.repository, {
        values: values as JsonValue[],
        subnet_ids: values.slice(5, 9),
      });
      await open.reopen();
      expect(await open.repository.getEntity('templates', saved.template_id)).toStrictEqual(saved);
      expect(saved.values).toStrictEqual(values);
    });

    test('-0 is 0', async () => {
      const { repository } = store();
      const { template_id } = await saveTemplate(repository, { value: [-0, { a: -0 }], top: -0 });
      const read = await repository.getEntity('templates', template_id);
      expect(read?.value).toStrictEqual([0, { a: 0 }]);
      expect(read?.top).toStrictEqual(0);
    });

    test('fields named like inherited members of objects', async () => {
      const { repository } = store();
      const text = '{"__proto__":{"polluted":true},"constructor":"c","toString":null,"hasOwnProperty":[1]}';
      const sent = { ...template(), ...JSON.parse(text) };
      // Spreading keeps `__proto__` an own field; assigning would not.
      expect(Object.keys(sent)).toContain('__proto__');
      const saved = await repository.saveEntity('templates', sent);
      const read = (await repository.getEntity('templates', saved.template_id)) as JsonObject;
      for (const entity of [saved as JsonObject, read]) {
        expect(Object.getOwnPropertyDescriptor(entity, '__proto__')?.value).toEqual({ polluted: true });
        expect(Object.keys(entity)).toEqual(expect.arrayContaining(['__proto__', 'constructor', 'hasOwnProperty']));
        expect(Object.keys(entity)).not.toContain('toString');
      }
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
      const removal = JSON.parse('{"__proto__":null,"constructor":null}');
      const updated = await repository.updateEntity('templates', saved.template_id, removal);
      expect(Object.keys(updated)).not.toEqual(expect.arrayContaining(['__proto__']));
      expect(Object.keys(updated)).not.toContain('constructor');
    });

    test('a declared text of the maximum length, with characters of any plane', async () => {
      const { repository } = store();
      const name = '😀'.repeat(255);
      const vm_type = '漢'.repeat(50);
      const saved = await saveTemplate(repository, { name, vm_type });
      expect(await repository.getEntity('templates', saved.template_id)).toMatchObject({ name, vm_type });
      const error = await rejection(saveTemplate(repository, { name: `${name}x`, vm_type: `${vm_type}漢` }));
      expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['name', 'vm_type']);
    });
  });

  describe('refused, with the path:', () => {
    test.each(refused)('%s', async (_, value, path) => {
      const { repository } = store();
      const sent = { ...template(), value };
      const error = await rejection(repository.saveEntity('templates', sent as never));
      expect(error).toBeInstanceOf(ValidationError);
      expect((error as ValidationError).problems.map((problem) => problem.path)).toEqual([`value${path}`]);
      expect(await repository.getEntity('templates', sent.template_id)).toBeUndefined();
      const saved = await saveTemplate(repository);
      const change = repository.updateEntity('templates', saved.template_id, { value } as never);
      expect(await rejection(change)).toBeInstanceOf(ValidationError);
      expect(await repository.getEntity('templates', saved.template_id)).toEqual(saved);
    });

    test.each(['', 'a\u0000', '\ud83d'])('the top-level field name %j', async (name) => {
      const { repository } = store();
      const sent = { ...template(), [name]: 1 };
      expect(await rejection(repository.saveEntity('templates', sent))).toBeInstanceOf(ValidationError);
      const removal = repository.updateEntity('templates', newId('t'), { [name]: null });
      expect(await rejection(removal)).toBeInstanceOf(ValidationError);
    });
  });
});
