/** Converts entities to rows of their table, and back. */
import type { Entity, JsonObject, JsonValue } from '../../model/entities.ts';
import { isPlainObject, setOwn } from '../../model/json-values.ts';
import { parseJson } from '../../model/parse-json.ts';
import { type Column, EXTRA, type Table, tables } from './schema.ts';
import type { Row, SqlValue } from './sql-session.ts';

const SPACE = 0x20;
/** The form that SQLite's own CURRENT_TIMESTAMP and some programs write: UTC without an offset. */
const PLAIN_TIMESTAMP = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?$/;

/** A timestamp in the form that entities use; any other text is returned unchanged. */
export function storedTimestamp(text: string): string {
  // Nearly all have that form already.
  if (text.charCodeAt(10) !== SPACE) return text;
  const parts = PLAIN_TIMESTAMP.exec(text);
  return parts === null ? text : `${parts[1]}T${parts[2]}.${(parts[3] ?? '').padEnd(3, '0').slice(0, 3)}Z`;
}

/** A column written by another program may hold text that is not JSON: it is returned unchanged. */
function parsedOrText(text: string): JsonValue {
  try {
    return parseJson(text) as JsonValue;
  } catch {
    return text;
  }
}

const declaredNames = new Map<Table, ReadonlySet<string>>(
  tables.map((table) => [table, new Set(table.columns.map(({ name }) => name).filter((name) => name !== EXTRA))]),
);

/** The fields without a column of their own, as JSON text; null if there are none. */
export function extraOf(table: Table, fields: Readonly<Record<string, unknown>>): string | null {
  const declared = declaredNames.get(table) as ReadonlySet<string>;
  let extra: JsonObject | undefined;
  for (const name of Object.keys(fields)) {
    if (declared.has(name)) continue;
    const value = fields[name] as JsonValue | undefined;
    // A top-level null means absent.
    if (value === undefined || value === null) continue;
    extra ??= {};
    setOwn(extra, name, value);
  }
  return extra === undefined ? null : JSON.stringify(extra);
}

/** The value of a declared field in the form of its column. */
export const encodeValue = ({ kind }: Column, value: unknown): SqlValue => {
  if (value === undefined || value === null) return null;
  return kind === 'json' ? JSON.stringify(value) : (value as SqlValue);
};

/** An entity as the values of its table's columns, in column order. */
export const encodeRow = (table: Table, entity: Readonly<Record<string, unknown>>): SqlValue[] =>
  table.columns.map((column) =>
    column.name === EXTRA ? extraOf(table, entity) : encodeValue(column, entity[column.name]),
  );

/** Sets a field of an entity: a JSON null that another program wrote counts as absent. */
function setPresent(entity: Entity, name: string, value: JsonValue | undefined): void {
  if (value !== null) setOwn(entity, name, value);
}

/** Adds the fields without a column of their own. For a declared field only its column counts, whatever `extra` says. */
function addExtra(entity: Entity, column: SqlValue): void {
  const extra = typeof column === 'string' ? parsedOrText(column) : column;
  if (!isPlainObject(extra)) {
    setPresent(entity, EXTRA, extra);
    return;
  }
  for (const name of Object.keys(extra)) {
    if (!Object.hasOwn(entity, name)) setPresent(entity, name, extra[name] as JsonValue);
  }
}

/** The entity of a row that has the values of all columns, in column order. */
export function decodeRow({ columns }: Table, row: Row): Entity {
  const entity = {} as Entity;
  for (let i = 0; i < columns.length; i++) {
    const value = row[i];
    if (value === null || value === undefined) continue;
    const { name, kind } = columns[i] as Column;
    if (name === EXTRA) addExtra(entity, value);
    else if (kind === 'json') {
      const parsed = typeof value === 'string' ? parsedOrText(value) : value;
      if (parsed !== null) entity[name] = parsed;
    } else entity[name] = kind === 'timestamp' && typeof value === 'string' ? storedTimestamp(value) : value;
  }
  return entity;
}
