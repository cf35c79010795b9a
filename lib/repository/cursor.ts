/** Cursors: keyset positions, opaque to callers. They stay valid under writes, since they hold values, not offsets. */
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

/** Identifies a query, so that a cursor is not used with other filters or another order. */
const fingerprint = (collection: CollectionName, { predicates, order }: CursorQuery): string =>
  // A checksum is enough: it must detect mistakes, not keep secrets.
  crc32(JSON.stringify([collection, order, ...predicates.map(asText).sort()])).toString(36);

/** The cursor that continues a query after `position`. */
export function encodeCursor(collection: CollectionName, query: CursorQuery, position: Position): string {
  const fields = [fingerprint(collection, query), position.value ?? null, position.id];
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

/**
 * The position that a cursor stands for.
 * @throws ValidationError if it is not a cursor, or belongs to another query
 */
export function decodeCursor(cursor: string, collection: CollectionName, query: CursorQuery): Position {
  const [of, value, id] = parse(cursor);
  // A cursor may be forged: values that a store cannot hold must not reach it.
  if (typeof of !== 'string' || !isStorable(id) || typeof id !== 'string' || !(value === null || isStorable(value))) {
    throw new ValidationError([{ path: 'cursor', message: 'is not a cursor; send next_cursor of the previous page' }]);
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
