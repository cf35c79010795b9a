import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { collectionNames } from '../../../lib/model/collections.ts';
import { decodeRow, encodeRow, encodeValue, extraOf, storedTimestamp } from '../../../lib/strategies/sql/row-codec.ts';
import { type Column, tableFor } from '../../../lib/strategies/sql/schema.ts';
import type { Row } from '../../../lib/strategies/sql/sql-session.ts';
import { anyCharacter } from '../../any-character.ts';

const templates = tableFor('templates');
const requests = tableFor('requests');

/** The value of a row's column. */
const columnValue = (row: Row, name: string) => row[requests.columns.findIndex((column) => column.name === name)];

/** A row of requests that has these values, and NULL elsewhere. */
const rowOf = (values: Readonly<Record<string, string | number>>): Row =>
  requests.columns.map(({ name }) => values[name] ?? null);

describe('storedTimestamp', () => {
  test.each([
    ['2026-11-22T10:00:00.000Z', '2026-11-22T10:00:00.000Z'],
    // CURRENT_TIMESTAMP of SQLite, and Python's str(datetime): UTC without an offset.
    ['2026-11-22 10:00:00', '2026-11-22T10:00:00.000Z'],
    ['2026-11-22 10:00:00.5', '2026-11-22T10:00:00.500Z'],
    ['2026-11-22 10:00:00.123456', '2026-11-22T10:00:00.123Z'],
    ['2026-11-22 10:00:00.123999999', '2026-11-22T10:00:00.123Z'],
    // As long as the stored form.
    ['2026-11-22 10:00:00.1234', '2026-11-22T10:00:00.123Z'],
  ])('%s is %s', (text, stored) => {
    expect(storedTimestamp(text)).toBe(stored);
  });

  test.each(['', 'soon', 'infinity', '2026-11-22', '2026-11-22 10:00', '2026-11-22 10:00:00+02:00', 'x'.repeat(24)])(
    '%j is no timestamp of this form, and comes back as it is',
    (text) => {
      expect(storedTimestamp(text)).toBe(text);
    },
  );
});

describe('encodeValue', () => {
  const column = (kind: Column['kind']): Column => ({ name: 'c', kind, required: false });

  test('absent values are NULL', () => {
    for (const kind of ['text', 'integer', 'timestamp', 'json'] as const) {
      expect([undefined, null].map((value) => encodeValue(column(kind), value))).toEqual([null, null]);
    }
  });

  test('lists and objects become JSON text, even if they are empty; scalars stay unchanged', () => {
    expect(encodeValue(column('json'), [])).toBe('[]');
    expect(encodeValue(column('json'), {})).toBe('{}');
    expect(encodeValue(column('json'), { a: [null, 'ü'] })).toBe('{"a":[null,"ü"]}');
    expect(encodeValue(column('text'), '')).toBe('');
    expect(encodeValue(column('integer'), 0)).toBe(0);
  });
});

describe('extraOf', () => {
  test('holds the fields that the model does not declare, without nulls; NULL if there are none', () => {
    expect(extraOf(requests, { request_id: 'r', version: 3, tags: { a: 1 } })).toBeNull();
    expect(extraOf(requests, { request_id: 'r', a: null, b: undefined })).toBeNull();
    expect(extraOf(requests, { request_id: 'r', note: '', zero: 0, no: false, a: null, deep: { n: null } })).toBe(
      '{"note":"","zero":0,"no":false,"deep":{"n":null}}',
    );
  });

  test('a field named like the column, and one named like an inherited member, are ordinary fields', () => {
    const fields = JSON.parse('{"extra":{"extra":1},"__proto__":{"a":1},"constructor":2}');
    const text = extraOf(requests, fields);
    expect(text).toBe('{"extra":{"extra":1},"__proto__":{"a":1},"constructor":2}');
    const entity = decodeRow(requests, rowOf({ request_id: 'r', extra: text as string }));
    expect(Object.entries(entity)).toEqual([['request_id', 'r'], ...Object.entries(fields)]);
    expect(Object.getPrototypeOf(entity)).toBe(Object.prototype);
  });

  test('fields that another collection declares are extra here', () => {
    expect(extraOf(requests, { name: 'n', private_ip: '10.0.0.1' })).toBe('{"name":"n","private_ip":"10.0.0.1"}');
    expect(extraOf(templates, { name: 'n' })).toBeNull();
  });
});

describe('rows', () => {
  test('have a value for each column, in column order', () => {
    const row = encodeRow(requests, {
      request_id: 'r',
      machine_count: 2,
      tags: ['not an object'],
      note: 1,
      version: 4,
    });
    expect(row).toHaveLength(requests.columns.length);
    expect(columnValue(row, 'request_id')).toBe('r');
    expect(columnValue(row, 'machine_count')).toBe(2);
    expect(columnValue(row, 'tags')).toBe('["not an object"]');
    expect(columnValue(row, 'version')).toBe(4);
    expect(columnValue(row, 'extra')).toBe('{"note":1}');
    expect(columnValue(row, 'completed_at')).toBeNull();
  });

  test('text of other programs in a JSON column is returned unchanged', () => {
    const row = rowOf({ request_id: 'r', tags: 'a,b', metadata: '', created_at: '2026-11-22 10:00:00' });
    expect(decodeRow(requests, row)).toEqual({
      request_id: 'r',
      tags: 'a,b',
      metadata: '',
      created_at: '2026-11-22T10:00:00.000Z',
    });
    // JSON, but not a list or object: its value is returned.
    expect(decodeRow(requests, rowOf({ tags: '"text"', metadata: '12' }))).toEqual({ tags: 'text', metadata: 12 });
  });

  test('JSON null is absent, as json.dumps(None) writes it', () => {
    expect(decodeRow(requests, rowOf({ request_id: 'r', tags: 'null', extra: 'null' }))).toEqual({ request_id: 'r' });
    expect(decodeRow(requests, rowOf({ extra: '{"a":null,"b":{"c":null}}' }))).toEqual({ b: { c: null } });
  });

  test.each([
    ['"text"', 'text'],
    ['[1]', [1]],
    ['no JSON', 'no JSON'],
    [7, 7],
  ])('an extra column that does not hold an object is a field of that name: %s', (extra, value) => {
    expect(decodeRow(requests, rowOf({ request_id: 'r', extra }))).toEqual({ request_id: 'r', extra: value });
  });

  test('a declared field in the extra column counts only if its own column is empty', () => {
    const extra = '{"status":"OLD","request_type":"return","note":1}';
    expect(decodeRow(requests, rowOf({ status: 'NEW', extra }))).toEqual({
      status: 'NEW',
      request_type: 'return',
      note: 1,
    });
  });

  test('every entity is decoded to itself', () => {
    const entity = fc.dictionary(
      fc.oneof(
        fc.string({ minLength: 1, unit: anyCharacter }),
        fc.constantFrom('extra', '__proto__', 'tags', 'attributes'),
      ),
      fc.jsonValue().filter((value) => value !== null),
    );
    fc.assert(
      fc.property(fc.constantFrom(...collectionNames), entity, (collection, fields) => {
        const table = tableFor(collection);
        // Columns other than JSON hold scalars, as the model ensures.
        const scalars = new Set(table.columns.flatMap(({ name, kind }) => (kind === 'json' ? [] : [name])));
        const given = Object.entries(fields).filter(([name]) => !scalars.has(name));
        const read = decodeRow(table, encodeRow(table, Object.fromEntries(given)));
        expect(new Map(Object.entries(read))).toEqual(new Map(JSON.parse(JSON.stringify(given))));
      }),
    );
  });
});
