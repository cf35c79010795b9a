import { describe, expect, test } from '@jest/globals';
import { checkCount, checkQuery } from '../../lib/repository/check-query.ts';
import { ValidationError } from '../../lib/repository/errors.ts';
import { type Filters, positionOf } from '../../lib/repository/query.ts';

const predicatesOf = (filters: Filters) => checkQuery('requests', { filters }).predicates;

const problemsOf = (call: () => unknown): string[] => {
  try {
    call();
  } catch (error) {
    if (error instanceof ValidationError) return error.problems.map(({ path, message }) => `${path} ${message}`);
    throw error;
  }
  return [];
};

describe('checkQuery', () => {
  test('normalizes filters', () => {
    expect(predicatesOf({ status: 'A' })).toEqual([{ field: 'status', operator: 'eq', value: 'A' }]);
    expect(predicatesOf({ status: ['A', 'B', 'A'] })).toEqual([
      { field: 'status', operator: 'in', values: ['A', 'B'] },
    ]);
    expect(predicatesOf({ status: ['A', 'A'] })).toEqual([{ field: 'status', operator: 'eq', value: 'A' }]);
    expect(predicatesOf({ status: [] })).toEqual([{ field: 'status', operator: 'in', values: [] }]);
    expect(predicatesOf({ status: {} })).toEqual([]);
    expect(predicatesOf({ machine_count: { gt: 1, lte: 5 } })).toEqual([
      { field: 'machine_count', operator: 'gt', value: 1 },
      { field: 'machine_count', operator: 'lte', value: 5 },
    ]);
    expect(predicatesOf({ created_at: { lt: '2026-01-01T00:00:00+01:00' } })).toEqual([
      { field: 'created_at', operator: 'lt', value: '2025-12-31T23:00:00.000Z' },
    ]);
    expect(predicatesOf({ created_at: { begins_with: '2026-01' } })).toEqual([
      { field: 'created_at', operator: 'begins_with', value: '2026-01' },
    ]);
  });

  test('fills in order and limit', () => {
    const plain = { predicates: [], order: { field: 'created_at', descending: false }, limit: 100, explain: false };
    expect(checkQuery('machines', {})).toEqual(plain);
    expect(checkQuery('machines', { orderBy: '-status', limit: 7 })).toEqual({
      ...plain,
      order: { field: 'status', descending: true },
      limit: 7,
    });
  });

  test('reports all problems at once, with the alternatives', () => {
    const problems = problemsOf(() =>
      checkQuery('requests', { filters: { colour: 'x', status: { like: 'x' } as never }, orderBy: '-size', limit: 0 }),
    );
    expect(problems).toEqual([
      expect.stringMatching(/^colour is not a field .*: request_id, template_id, machine_count, status/),
      'status has the unknown operator "like"; use eq, ne, in, gt, gte, lt, lte, begins_with',
      expect.stringMatching(/^order_by "size" is not a field/),
      'limit must be an integer from 1 to 1000',
    ]);
    expect(problems.join()).not.toContain('tags');
  });

  test.each<[Filters, string]>([
    [{ machine_count: 'x' }, 'machine_count must be an integer'],
    [{ machine_count: 1.5 }, 'machine_count must be an integer'],
    [{ machine_count: { begins_with: 1 } }, 'machine_count is a number, which has no prefix; use eq, gt or lt'],
    [{ status: { in: 'A' } }, 'status needs a list of values for the operator in'],
    [{ status: { eq: ['A'] } }, 'status must be a string'],
    [{ created_at: 'x' }, "created_at must be an ISO 8601 date and time with offset (in a URL, '+' is written %2B)"],
  ])('%j: %s', (filters, problem) => {
    expect(problemsOf(() => checkQuery('requests', { filters }))).toEqual([problem]);
    expect(problemsOf(() => checkCount('requests', { filters }))).toEqual([problem]);
  });
});

describe('checkCount', () => {
  test('accepts a scalar field as group', () => {
    expect(checkCount('machines', { groupBy: 'status' })).toEqual({ predicates: [], groupBy: 'status' });
    expect(problemsOf(() => checkCount('templates', { groupBy: 'attributes' }))).toEqual([
      expect.stringMatching(/^group_by "attributes" is not a field/),
    ]);
  });
});

describe('positionOf', () => {
  test('accepts only scalars: anything else counts as absent', () => {
    const order = { field: 'status', descending: false };
    const entity = { request_id: 'r' };
    expect(positionOf('requests', order, { ...entity, status: 'A' })).toEqual({ value: 'A', id: 'r' });
    for (const status of [undefined, null, true, ['A'], {}]) {
      expect(positionOf('requests', order, { ...entity, status })).toEqual({ value: undefined, id: 'r' });
    }
  });
});
