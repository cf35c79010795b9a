import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeCursor, encodeCursor } from '../../lib/repository/cursor.ts';
import { ValidationError } from '../../lib/repository/errors.ts';
import { anyCharacter } from '../any-character.ts';

const query = {
  predicates: [{ field: 'status', operator: 'eq', value: 'PENDING' }],
  order: { field: 'created_at', descending: true },
} as const;

describe('cursors', () => {
  test('decode to their position, and need no escaping in a URL', () => {
    const text = fc.string({ unit: anyCharacter, maxLength: 20 }).filter((of) => !of.includes('\0'));
    const value = fc.oneof(fc.constant(undefined), text, fc.integer());
    const id = text.filter((of) => of !== '');
    fc.assert(
      fc.property(value, id, (of, at) => {
        const cursor = encodeCursor('requests', query, { value: of, id: at });
        expect(cursor).toMatch(/^[\w-]+$/);
        expect(decodeCursor(cursor, 'requests', query)).toEqual({ value: of, id: at });
      }),
    );
  });

  test('belong to their query', () => {
    const cursor = encodeCursor('requests', query, { value: 'x', id: 'r' });
    const others = [
      ['machines', query],
      ['requests', { ...query, predicates: [] }],
      ['requests', { ...query, predicates: [{ field: 'status', operator: 'eq', value: 'DONE' }] }],
      ['requests', { ...query, predicates: [{ field: 'status', operator: 'ne', value: 'PENDING' }] }],
      ['requests', { ...query, order: { field: 'created_at', descending: false } }],
      ['requests', { ...query, order: { field: 'updated_at', descending: true } }],
    ] as const;
    for (const [collection, other] of others) {
      expect(() => decodeCursor(cursor, collection, other)).toThrow(/belongs to another query/);
    }
  });

  test('a number beyond the limits of entities is kept: a record of another program may have it', () => {
    const position = { value: 1e300, id: 'a' };
    expect(decodeCursor(encodeCursor('requests', query, position), 'requests', query)).toEqual(position);
  });

  test('values that no store can hold are refused: the cursor may be forged', () => {
    const positions = [
      { value: 'x', id: 'a\0' },
      { value: '\0', id: 'a' },
      { value: '\ud800', id: 'a' },
    ];
    for (const position of positions) {
      const cursor = encodeCursor('requests', query, position);
      expect(() => decodeCursor(cursor, 'requests', query)).toThrow(/is not a cursor/);
    }
  });

  test('anything else is refused, never misread', () => {
    const text = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
    );
    fc.assert(
      fc.property(text, (cursor) => {
        expect(() => decodeCursor(cursor, 'requests', query)).toThrow(ValidationError);
      }),
    );
  });
});
