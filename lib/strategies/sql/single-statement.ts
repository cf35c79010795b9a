/** Lists of guarded writes that one statement can perform, guards included. All others need a transaction. */
import { referencesFrom } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import { MAY_BE_TOO_LARGE } from '../../model/validation.ts';
import {
  type CheckWrite,
  type DeleteWrite,
  type GuardedWrite,
  type PatchWrite,
  type PutWrite,
  putEntity,
} from '../../repository/guarded-write.ts';
import { decodeRow, encodeRow, encodeValue, storedTimestamp } from './row-codec.ts';
import { type Column, EXTRA, tableFor, tables } from './schema.ts';
import type { Row, RowsStatement, SqlValue } from './sql-session.ts';
import type { Statements } from './statements.ts';

/** A write as one statement. If it returns no row, a guard may have failed. */
export interface SingleStatement {
  readonly text: string;
  readonly values: readonly SqlValue[];
  /** The resulting entity, from the row that the statement returns. */
  entityOf(row: Row): Entity | undefined;
}

/** A put as one row of a statement for many rows. */
export interface PutRow {
  readonly statement: RowsStatement;
  readonly row: readonly SqlValue[];
  readonly put: PutWrite;
}

/** Whether the list checks all parents of the put and nothing else; undefined if it checks something else. */
function checksParents({ collection, fields }: PutWrite, checks: readonly GuardedWrite[]): boolean | undefined {
  if (checks.length === 0) return false;
  const references = referencesFrom(collection);
  const isParent = (check: GuardedWrite): check is CheckWrite =>
    check.kind === 'check' &&
    check.expect === 'exists' &&
    references.some(({ field, parent }) => parent === check.collection && fields[field] === check.id);
  return checks.length === references.length && checks.every(isParent) ? true : undefined;
}

/** The list as a row, if it saves one entity and checks at most its parents. */
export function asPutRow(statements: Statements, [put, ...checks]: readonly GuardedWrite[]): PutRow | undefined {
  if (put?.kind !== 'put' || put.expect === 'exists') return undefined;
  const withParents = checksParents(put, checks);
  if (withParents === undefined) return undefined;
  const { expect, collection } = put;
  const row = encodeRow(tableFor(collection), putEntity(put, undefined, (expect ?? 0) + 1));
  const writing = statements.writing(collection);
  if (expect === undefined) return { statement: writing.save(withParents), row, put };
  if (expect === 0) return { statement: writing.create(withParents), row, put };
  return { statement: writing.replace(withParents), row: [...row, expect], put };
}

/** The entity that a put stored, from the id, version and created_at that its statement returned. */
export const entityOfPut = (put: PutWrite, [, version, createdAt]: Row): Entity =>
  putEntity(put, createdAt === null ? undefined : storedTimestamp(String(createdAt)), version as number);

/** The list as one statement, if it changes or deletes one entity and need not read it first. */
export function asSingleStatement(
  statements: Statements,
  [write, ...checks]: readonly GuardedWrite[],
): SingleStatement | undefined {
  if (write?.kind === 'patch') return patchStatement(statements, write, checks);
  if (write?.kind === 'delete' && checks.length === 0) return deleteStatement(statements, write);
  return undefined;
}

/** Maximum bytes of JSON, names included, for the columns of a table that are not JSON themselves. */
const plainBytes = new Map(
  tables.map((table) => [
    table,
    table.columns.reduce((sum, { name, maxLength = 30 }) => sum + name.length + 6 + 6 * maxLength, 0),
  ]),
);

function patchStatement(
  statements: Statements,
  { collection, id, expect, set, remove, at }: PatchWrite,
  checks: readonly GuardedWrite[],
): SingleStatement | undefined {
  const table = tableFor(collection);
  const columns: Column[] = [];
  const values: SqlValue[] = [];
  for (const column of table.columns) {
    const { name } = column;
    const removed = remove.includes(name);
    if (name === EXTRA || !(removed || Object.hasOwn(set, name))) continue;
    columns.push(column);
    values.push(removed ? null : encodeValue(column, set[name]));
  }
  // Fields that the model does not declare share a column, which must be read before it can be changed.
  if (columns.length !== Object.keys(set).length + remove.length || expect === 0) return undefined;
  const references = referencesFrom(collection).filter(({ field }) => Object.hasOwn(set, field));
  // The statement checks the parents of every reference that it changes: the list must request exactly that.
  if (checks.length !== references.length) return undefined;
  const bytes = values.reduce<number>((sum, value) => sum + 3 * String(value ?? '').length, 0);
  const maxJsonBytes = MAY_BE_TOO_LARGE - (plainBytes.get(table) as number) - bytes;
  if (maxJsonBytes < 0) return undefined;
  const versioned = typeof expect === 'number';
  return {
    text: statements.writing(collection).patch(columns, versioned),
    values: versioned ? [...values, at, id, maxJsonBytes, expect] : [...values, at, id, maxJsonBytes],
    entityOf: (row) => decodeRow(table, row),
  };
}

function deleteStatement(
  statements: Statements,
  { collection, id, expect, unreferencedBy }: DeleteWrite,
): SingleStatement {
  const versioned = typeof expect === 'number';
  return {
    text: statements.writing(collection).delete(versioned, unreferencedBy),
    values: versioned ? [id, expect] : [id],
    entityOf: () => undefined,
  };
}
