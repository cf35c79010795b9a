/** Paths and queries, encoded once in the one way that the wire and the signature both use. */
import type { CollectionName } from '../model/collections.ts';

export type QueryPairs = readonly (readonly [name: string, value: string])[];

/** Percent-encodes all but RFC 3986's unreserved characters, as AWS's `UriEncode` does. */
export const encodeStrictly = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** An id as one segment. `.` and `..` would be resolved on the way, and signed as if they were. */
const segmentOf = (id: string): string => (/^\.{1,2}$/.test(id) ? id.replaceAll('.', '%2E') : encodeStrictly(id));

/** Path of an entity. */
export const entityPath = (collection: CollectionName, id: string): string => `/v1/${collection}/${segmentOf(id)}`;

/** A query string with its question mark; empty where there are no parameters. */
export const queryString = (query: QueryPairs): string =>
  query.length === 0
    ? ''
    : `?${query.map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`).join('&')}`;
