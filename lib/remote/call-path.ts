/** Paths and query strings of calls, encoded once for both the request and its signature. */
import type { CollectionName } from '../model/collections.ts';
import { checkCount, checkQuery } from '../repository/check-query.ts';
import { UnsupportedOperationError } from '../repository/errors.ts';
import type { CountOptions, Predicate, QueryOptions } from '../repository/query.ts';

export type QueryPairs = readonly (readonly [name: string, value: string])[];

/** Percent-encodes everything but RFC 3986's unreserved characters, like AWS's `UriEncode`. */
export const encodeStrictly = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** An id as one segment. `.` and `..` would be resolved in transit and in the signature. */
const segmentOf = (id: string): string => (/^\.{1,2}$/.test(id) ? id.replaceAll('.', '%2E') : encodeStrictly(id));

/** Path of an entity. */
export const entityPath = (collection: CollectionName, id: string): string => `/v1/${collection}/${segmentOf(id)}`;

/** A query string with its question mark; empty if there are no parameters. */
export const queryString = (query: QueryPairs): string =>
  query.length === 0
    ? ''
    : `?${query.map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`).join('&')}`;

function parametersOf(predicates: readonly Predicate[]): [string, string][] {
  return predicates.flatMap((predicate) => {
    const name = `${predicate.field}[${predicate.operator}]`;
    const values = predicate.operator === 'in' ? predicate.values : [predicate.value];
    return values.map((value): [string, string] => [name, String(value)]);
  });
}

/** Whether a filter has an empty list of values: it matches nothing, and a URL cannot express it. */
const matchesNothing = (predicates: readonly Predicate[]): boolean =>
  predicates.some((predicate) => predicate.operator === 'in' && predicate.values.length === 0);

/**
 * The parameters of a query; undefined if nothing can match it.
 * @throws ValidationError as on a store, except for the cursor, which is passed on unchecked
 */
export function queryParameters(collection: CollectionName, options: QueryOptions): QueryPairs | undefined {
  const { cursor, explain, orderBy, ...rest } = options;
  const { predicates, limit } = checkQuery(collection, { ...rest, orderBy });
  if (explain === true) {
    throw new UnsupportedOperationError('The HTTP API does not explain queries. Leave out explain (--explain).');
  }
  if (matchesNothing(predicates)) return undefined;
  const pairs: [string, string][] = [...parametersOf(predicates), ['limit', String(limit)]];
  if (orderBy !== undefined) pairs.push(['order_by', orderBy]);
  if (cursor !== undefined) pairs.push(['cursor', String(cursor)]);
  return pairs;
}

/**
 * The parameters of a count; undefined if nothing can match it.
 * @throws ValidationError as on a store
 */
export function countParameters(collection: CollectionName, options: CountOptions): QueryPairs | undefined {
  const { predicates, groupBy } = checkCount(collection, options);
  if (matchesNothing(predicates)) return undefined;
  return [...parametersOf(predicates), ...(groupBy === undefined ? [] : [['group_by', groupBy] as const])];
}
