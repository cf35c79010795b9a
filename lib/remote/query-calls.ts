/** Queries and counts as query parameters. */
import type { CollectionName } from '../model/collections.ts';
import { checkCount, checkQuery } from '../repository/check-query.ts';
import { UnsupportedOperationError } from '../repository/errors.ts';
import type { CountOptions, Predicate, QueryOptions } from '../repository/query.ts';
import type { QueryPairs } from './call-path.ts';

function parametersOf(predicates: readonly Predicate[]): [string, string][] {
  return predicates.flatMap((predicate) => {
    const name = `${predicate.field}[${predicate.operator}]`;
    const values = predicate.operator === 'in' ? predicate.values : [predicate.value];
    return values.map((value): [string, string] => [name, String(value)]);
  });
}

/** Whether a filter names no value at all: nothing matches it, and a URL cannot say it. */
const matchesNothing = (predicates: readonly Predicate[]): boolean =>
  predicates.some((predicate) => predicate.operator === 'in' && predicate.values.length === 0);

/**
 * The parameters of a query; undefined where nothing can match it.
 * @throws ValidationError as on a store, but of the cursor, which is passed on as it is
 */
export function queryParameters(collection: CollectionName, options: QueryOptions): QueryPairs | undefined {
  const { cursor, explain, orderBy, ...rest } = options;
  const { predicates, limit } = checkQuery(collection, { ...rest, orderBy });
  if (explain === true) {
    throw new UnsupportedOperationError(
      'The HTTP API does not say how a query was answered. Leave out explain (--explain).',
    );
  }
  if (matchesNothing(predicates)) return undefined;
  const pairs: [string, string][] = [...parametersOf(predicates), ['limit', String(limit)]];
  if (orderBy !== undefined) pairs.push(['order_by', orderBy]);
  if (cursor !== undefined) pairs.push(['cursor', String(cursor)]);
  return pairs;
}

/**
 * The parameters of a count; undefined where nothing can match it.
 * @throws ValidationError as on a store
 */
export function countParameters(collection: CollectionName, options: CountOptions): QueryPairs | undefined {
  const { predicates, groupBy } = checkCount(collection, options);
  if (matchesNothing(predicates)) return undefined;
  return [...parametersOf(predicates), ...(groupBy === undefined ? [] : [['group_by', groupBy] as const])];
}
