import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeCursor, encodeCursor } from '../../lib/repository/cursor.ts';
import { ValidationError } from '../../lib/repository/errors.ts';

const query = {
  predicates: [{ field: 'status', operator: 'eq', value: 'PENDING' }],
  order: { field: 'created_at', descending: true },
} as const;

describe('cursors', () => {
  test('bring back the position they were made of, and fit into a URL', () => {
    const value = fc.oneof(fc.constant(undefined), fc.string({ unit: 'binary' }), fc.integer());
    const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
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

  test('anything else is refused, never read wrongly', () => {
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
