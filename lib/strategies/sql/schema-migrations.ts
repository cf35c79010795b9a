/**
 * Brings a database to the tables of this program: numbered steps, each applied once and recorded. The caller keeps other
 * processes out (a transaction under a lock), and rolls back where a step fails.
 */
import { ConfigurationError } from '../../repository/errors.ts';
import type { UndeclaredColumn } from '../../repository/storage-strategy.ts';
import type { Dialect } from './dialect.ts';
import { columnName, requireKnownTables } from './known-tables.ts';
import { type Column, type ForeignKey, type Index, quoted, type Table, tables } from './schema.ts';
import type { Row, SqlSession } from './sql-session.ts';

/** Records which steps were applied. */
export const MIGRATIONS_TABLE = 'storage_migrations';

/** A column as a database has it. */
export interface ExistingColumn {
  readonly name: string;
  /** Such as `character varying(255)`. */
  readonly type: string;
  /** Name of its collation, where it has one and the database tells. */
  readonly collation?: string | undefined;
  /** Whether it takes no NULL and has no default. */
  readonly required: boolean;
}

/** What the steps ask of a dialect. */
export interface SchemaDialect {
  /** The columns of a table, but for those that are computed; none where there is no such table. */
  columnsOf(session: SqlSession, table: string): Promise<ExistingColumn[]>;
  /** The columns of every sound index of a table, by the index's name. */
  indexesOf(session: SqlSession, table: string): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Statements that bring a column which was there before to the form of the model, with its values. */
  adapt(table: Table, column: Column, existing: ExistingColumn): string[];
  /** Whether a column can be added whose default is the time of the statement. */
  readonly addsColumnsWithTime: boolean;
}

/** Rows of index name and column name, in the order of the columns, as `indexesOf` returns them. */
export function columnsByIndex(rows: readonly Row[]): ReadonlyMap<string, readonly string[]> {
  const columns = new Map<string, string[]>();
  for (const [index, column] of rows) {
    const found = columns.get(String(index));
    if (found === undefined) columns.set(String(index), [String(column)]);
    else found.push(String(column));
  }
  return columns;
}

interface Change {
  readonly session: SqlSession;
  readonly dialect: Dialect;
  readonly schema: SchemaDialect;
  /** Whether tables are made with their foreign keys. */
  readonly foreignKeys: boolean;
  /** The database, for people. */
  readonly place: string;
}

interface SchemaMigration {
  readonly number: number;
  readonly name: string;
  apply(change: Change): Promise<void>;
}

/** Every step, in order. A step that was released is never changed: the next change of the model is the next step. */
export const schemaMigrations: readonly SchemaMigration[] = [
  { number: 1, name: 'tables', apply: createTables },
  {
    number: 2,
    name: "the store's own columns and exact types, for tables that were there before",
    apply: upgradeTables,
  },
  { number: 3, name: 'indexes', apply: createIndexes },
];

const newest = schemaMigrations.at(-1)?.number ?? 0;

/** The steps that a database still needs, by the number of the last one that it has. */
export const pendingMigrations = (last: number): readonly SchemaMigration[] =>
  schemaMigrations.filter(({ number }) => number > last);

/** @throws ConfigurationError where a newer program has changed the database */
export function requireKnown(last: number): void {
  if (last <= newest) return;
  throw new ConfigurationError(
    `The database was brought to schema ${last} by a newer version of this program, which knows schemas up to ${newest} ` +
      'only. Update this program, or name another database.',
  );
}

/** The statement that tells the number of the last step that was applied. */
export const lastMigration = `SELECT max(number) FROM ${quoted(MIGRATIONS_TABLE)}`;

/**
 * Applies the steps that are missing. Safe to run again.
 * @throws ConfigurationError where a newer program has changed the database, or its tables are those of another program
 */
export async function migrateSchema(change: Change): Promise<void> {
  const { session, dialect, schema, place } = change;
  await session.run(
    `CREATE TABLE IF NOT EXISTS ${quoted(MIGRATIONS_TABLE)} (number INTEGER PRIMARY KEY NOT NULL, ` +
      `name TEXT NOT NULL, applied_at TIMESTAMP NOT NULL DEFAULT ${dialect.now})`,
  );
  const [row] = await session.run(lastMigration);
  const last = Number(row?.[0] ?? 0);
  requireKnown(last);
  if (pendingMigrations(last).length > 0) await requireKnownTables(place, columnNames(schema, session));
  for (const migration of pendingMigrations(last)) {
    await migration.apply(change);
    await session.run(
      `INSERT INTO ${quoted(MIGRATIONS_TABLE)} (number, name) VALUES (${dialect.parameter(1)}, ${dialect.parameter(2)})`,
      [migration.number, migration.name],
    );
  }
}

/** The names of a table's columns, as `requireKnownTables` asks for them. */
export const columnNames =
  (schema: SchemaDialect, session: SqlSession) =>
  async (table: string): Promise<string[]> =>
    (await schema.columnsOf(session, table)).map(({ name }) => name);

/** The columns of our tables that the model does not declare. */
export async function undeclaredColumns(schema: SchemaDialect, session: SqlSession): Promise<UndeclaredColumn[]> {
  const found: UndeclaredColumn[] = [];
  for (const table of tables) {
    const declared = new Set(table.columns.map(({ name }) => name));
    for (const { name, required } of await schema.columnsOf(session, table.name)) {
      if (!declared.has(name)) found.push({ table: table.name, column: columnName(name), required });
    }
  }
  return found;
}

const defaultOf = (dialect: Dialect, column: Column): string => {
  if (column.default === undefined) return '';
  return ` DEFAULT ${column.default === 'now' ? dialect.now : column.default}`;
};

const columnDefinition = (dialect: Dialect, table: Table, column: Column): string =>
  `${quoted(column.name)} ${dialect.columnType(column)}${defaultOf(dialect, column)}` +
  `${column.required ? ' NOT NULL' : ''}${column.name === table.id ? ' PRIMARY KEY' : ''}`;

/** A foreign key as CREATE TABLE and ALTER TABLE take it. */
export const foreignKeyDefinition = ({ name, column, parent, parentColumn }: ForeignKey): string =>
  `CONSTRAINT ${quoted(name)} FOREIGN KEY (${quoted(column)}) REFERENCES ${quoted(parent)} (${quoted(parentColumn)})`;

/** CREATE TABLE of one table. */
export function tableDefinition(dialect: Dialect, table: Table, foreignKeys: boolean): string {
  const lines = [
    ...table.columns.map((column) => columnDefinition(dialect, table, column)),
    ...(foreignKeys ? table.foreignKeys.map(foreignKeyDefinition) : []),
  ];
  return `CREATE TABLE IF NOT EXISTS ${quoted(table.name)} (\n  ${lines.join(',\n  ')}\n)`;
}

export const indexDefinition = (table: Table, { name, columns }: Index): string =>
  `CREATE INDEX IF NOT EXISTS ${quoted(name)} ON ${quoted(table.name)} (${columns.map(quoted).join(', ')})`;

async function createTables({ session, dialect, foreignKeys }: Change): Promise<void> {
  for (const table of tables) await session.run(tableDefinition(dialect, table, foreignKeys));
}

/** Tables that SPEC.md's own statements made have neither `version` nor `extra`, and no `updated_at` everywhere. */
async function upgradeTables({ session, dialect, schema }: Change): Promise<void> {
  for (const table of tables) {
    const existing = new Map((await schema.columnsOf(session, table.name)).map((column) => [column.name, column]));
    for (const column of table.columns) {
      const found = existing.get(column.name);
      const statements =
        found === undefined ? addColumn(dialect, schema, table, column) : schema.adapt(table, column, found);
      for (const statement of statements) await session.run(statement);
    }
  }
}

function addColumn(dialect: Dialect, schema: SchemaDialect, table: Table, column: Column): string[] {
  const { default: value, ...bare } = column;
  // Rows that are there have no value for it yet.
  const added: Column = {
    ...bare,
    required: value === 1,
    ...(value === undefined || (value === 'now' && !schema.addsColumnsWithTime) ? {} : { default: value }),
  };
  const add = `ALTER TABLE ${quoted(table.name)} ADD COLUMN ${columnDefinition(dialect, table, added)}`;
  if (column.name !== 'updated_at') return [add];
  return [add, `UPDATE ${quoted(table.name)} SET "updated_at" = "created_at"`];
}

async function createIndexes({ session }: Change): Promise<void> {
  for (const table of tables) for (const index of table.indexes) await session.run(indexDefinition(table, index));
}
