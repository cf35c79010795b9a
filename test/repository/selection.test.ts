import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Entity } from '../../lib/model/entities.ts';
import type { Order, Predicate } from '../../lib/repository/query.ts';
import { positionOf } from '../../lib/repository/query.ts';
import { comparePositions, meets, TopEntities } from '../../lib/repository/selection.ts';
import { anyCharacter } from '../any-character.ts';

const request = (id: string, fields: Partial<Entity> = {}): Entity => ({ request_id: id, ...fields, version: 1 });

const order: fc.Arbitrary<Order> = fc.record({
  field: fc.constantFrom('status', 'machine_count', 'completed_at'),
  descending: fc.boolean(),
});
/** Records of other programs may hold anything in a field. */
const anything = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', '😀', '\uff5e', 'aa') },
  { weight: 3, arbitrary: fc.integer({ min: -2, max: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom(undefined, null, true, []) },
);
const entities = fc
  .uniqueArray(fc.string({ unit: anyCharacter, minLength: 1, maxLength: 3 }), { maxLength: 40 })
  .chain((ids) => fc.tuple(...ids.map((id) => anything.map((value) => ({ id, value })))))
  .map((rows) =>
    rows.map(({ id, value }) => request(id, { status: value, machine_count: value, completed_at: value })),
  );

describe('TopEntities', () => {
  test('gives the same result as sorting and slicing', () => {
    fc.assert(
      fc.property(entities, order, fc.integer({ min: 1, max: 12 }), fc.nat(50), (all, by, limit, start) => {
        const positionIn = (entity: Entity) => positionOf('requests', by, entity);
        const sorted = all.toSorted((a, b) => comparePositions(by, positionIn(a), positionIn(b)));
        const last = start === 0 ? undefined : sorted[start - 1];
        const top = new TopEntities('requests', by, limit, last && positionIn(last));
        for (const entity of all) top.offer(entity);
        const rest = last === undefined ? sorted : sorted.slice(start);
        expect(top.inOrder()).toEqual(rest.slice(0, limit));
        expect(top.more).toBe(rest.length > limit);
      }),
      { numRuns: 500 },
    );
  });

  test('continues after a position whose entity is gone', () => {
    const by = { field: 'status', descending: false };
    const top = new TopEntities('requests', by, 10, { value: 'b', id: 'm' });
    for (const [id, status] of Object.entries({ a: 'b', n: 'b', z: 'a', c: 'c', d: undefined })) {
      top.offer(request(id, { status }));
    }
    expect(top.inOrder().map(({ request_id }) => request_id)).toEqual(['n', 'c', 'd']);
    expect(top.more).toBe(false);
  });
});

describe('comparePositions', () => {
  test('absent values come last in both directions, and ids break ties in the direction of the order', () => {
    const rows = [
      { value: 'x', id: 'b' },
      { value: undefined, id: 'a' },
      { value: 'x', id: 'a' },
      { value: 'y', id: 'c' },
      { value: undefined, id: 'd' },
      { value: 5, id: 'n' },
    ];
    const idsIn = (descending: boolean): string =>
      rows
        .toSorted((a, b) => comparePositions({ field: 'f', descending }, a, b))
        .map(({ id, value }) => `${id}${value ?? ''}`)
        .join(' ');
    expect(idsIn(false)).toBe('n5 ax bx cy a d');
    expect(idsIn(true)).toBe('cy bx ax n5 d a');
  });
});

describe('meets', () => {
  const value = fc.constantFrom<(string | number)[]>('', 'a', 'ab', 'b', '\uff5e', '😀', -1, 0, 1);

  test('the operators agree with one another', () => {
    fc.assert(
      fc.property(value, value, (found, wanted) => {
        const is = (operator: Exclude<Predicate['operator'], 'in'>): boolean =>
          meets(request('r', { f: found }), { field: 'f', operator, value: wanted });
        expect(is('ne')).toBe(!is('eq'));
        if (typeof found === typeof wanted) {
          expect([is('lt'), is('eq'), is('gt')].filter(Boolean)).toHaveLength(1);
          expect(is('gte')).toBe(is('gt') || is('eq'));
          expect(is('lte')).toBe(is('lt') || is('eq'));
          if (is('begins_with')) expect(is('gte')).toBe(true);
        } else {
          for (const operator of ['eq', 'gt', 'gte', 'lt', 'lte', 'begins_with'] as const)
            expect(is(operator)).toBe(false);
        }
        const among = { field: 'f', operator: 'in', values: [wanted, 'other'] } as const;
        expect(meets(request('r', { f: found }), among)).toBe(is('eq'));
      }),
    );
  });

  test.each([[undefined], [null], [true], [['a']], [{}]])('%j matches only ne', (found) => {
    const entity = request('r', { f: found as never });
    for (const operator of ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'begins_with'] as const) {
      expect(meets(entity, { field: 'f', operator, value: 'a' })).toBe(operator === 'ne');
    }
    expect(meets(entity, { field: 'f', operator: 'in', values: ['a'] })).toBe(false);
  });
});
