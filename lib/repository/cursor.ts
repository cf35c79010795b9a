/** Cursors: keyset positions, opaque to callers. They stay valid under writes, since they name values, not offsets. */
import { crc32 } from 'node:zlib';
import type { CollectionName } from '../model/collections.ts';
import { stringProblem } from '../model/json-values.ts';
import type { Scalar } from '../model/order.ts';
import { ValidationError } from './errors.ts';
import type { Order, Position, Predicate } from './query.ts';

interface CursorQuery {
  readonly predicates: readonly Predicate[];
  readonly order: Order;
}

const asText = (predicate: Predicate): string => JSON.stringify(predicate);

/** Tells one query from another, so that a cursor is not continued under other filters or another order. */
const fingerprint = (collection: CollectionName, { predicates, order }: CursorQuery): string =>
  // A checksum will do: it has to notice mistakes, not keep secrets.
  crc32(JSON.stringify([collection, order, ...predicates.map(asText).sort()])).toString(36);

/** The cursor that continues a query after `position`. */
export function encodeCursor(collection: CollectionName, query: CursorQuery, position: Position): string {
  const fields = [fingerprint(collection, query), position.value ?? null, position.id];
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

/**
 * The position a cursor stands for.
 * @throws ValidationError where it is not a cursor, or one of another query
 */
export function decodeCursor(cursor: string, collection: CollectionName, query: CursorQuery): Position {
  const [of, value, id] = parse(cursor);
  // Somebody may have made it up: what no store can hold must not reach one.
  if (typeof of !== 'string' || !isStorable(id) || typeof id !== 'string' || !(value === null || isStorable(value))) {
    throw new ValidationError([{ path: 'cursor', message: 'is not a cursor; send next_cursor of the page before' }]);
  }
  if (of !== fingerprint(collection, query)) {
    const message = 'belongs to another query; send it with the same filters and order, or start without a cursor';
    throw new ValidationError([{ path: 'cursor', message }]);
  }
  return { value: value ?? undefined, id };
}

const isStorable = (value: unknown): value is Scalar =>
  typeof value === 'string' ? stringProblem(value) === undefined : Number.isFinite(value);

function parse(cursor: string): unknown[] {
  try {
    const fields: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(fields) ? fields : [];
  } catch {
    return [];
  }
}
