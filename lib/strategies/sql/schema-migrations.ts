/**
 * Creates and upgrades the tables of a database in numbered migrations, each applied once and recorded. The caller keeps
 * other processes out (a transaction under a lock), and rolls back if a migration fails.
 */
import { ConfigurationError } from '../../repository/errors.ts';
import type { UndeclaredColumn } from '../../repository/storage-strategy.ts';
import type { Dialect } from './dialect.ts';
import { columnName, requireKnownTables } from './known-tables.ts';
import { type Column, type ForeignKey, type Index, quoted, type Table, tables } from './schema.ts';
import type { Row, SqlSession } from './sql-session.ts';

/** Records which migrations were applied. */
export const MIGRATIONS_TABLE = 'storage_migrations';

/** A column of an existing table. */
export interface ExistingColumn {
  readonly name: string;
  /** Such as `character varying(255)`. */
  readonly type: string;
  /** Name of its collation, if it has one and the database reports it. */
  readonly collation?: string | undefined;
  /** Whether it is NOT NULL and has no default. */
  readonly required: boolean;
}

/** What the migrations need from a dialect. */
export interface SchemaDialect {
  /** The columns of a table, except computed ones; none if the table does not exist. */
  columnsOf(session: SqlSession, table: string): Promise<ExistingColumn[]>;
  /** The columns of every valid index of a table, by the name of the index. */
  indexesOf(session: SqlSession, table: string): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Statements that convert an existing column and its values to the form of the model. */
  adapt(table: Table, column: Column, existing: ExistingColumn): string[];
  /** Whether a column whose default is the current time can be added. */
  readonly addsColumnsWithTime: boolean;
}

/** Groups rows of index name and column name, in column order, into the result of `indexesOf`. */
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
  /** Whether tables are created with their foreign keys. */
  readonly foreignKeys: boolean;
  /** The database, for messages. */
  readonly label: string;
}

interface SchemaMigration {
  readonly number: number;
  readonly name: string;
  apply(change: Change): Promise<void>;
}

/** Every migration, in order. A released migration is never changed: the next change of the model is the next migration. */
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

/** The migrations that a database still needs after migration number `last`. */
export const pendingMigrations = (last: number): readonly SchemaMigration[] =>
  schemaMigrations.filter(({ number }) => number > last);

/** @throws ConfigurationError if a newer version of this program has changed the database */
export function requireKnown(last: number): void {
  if (last <= newest) return;
  throw new ConfigurationError(
    `A newer version of this program has upgraded the database to schema ${last}; this version knows schemas up to ` +
      `${newest} only. Update this program, or name another database.`,
  );
}

/** Selects the number of the last migration that was applied. */
export const lastMigration = `SELECT max(number) FROM ${quoted(MIGRATIONS_TABLE)}`;

/**
 * Applies the pending migrations. Safe to run again.
 * @throws ConfigurationError if a newer version of this program has changed the database, or its tables belong to another program
 */
export async function migrateSchema(change: Change): Promise<void> {
  const { session, dialect, schema, label } = change;
  await session.run(
    `CREATE TABLE IF NOT EXISTS ${quoted(MIGRATIONS_TABLE)} (number INTEGER PRIMARY KEY NOT NULL, ` +
      `name TEXT NOT NULL, applied_at TIMESTAMP NOT NULL DEFAULT ${dialect.now})`,
  );
  const [row] = await session.run(lastMigration);
  const last = Number(row?.[0] ?? 0);
  requireKnown(last);
  if (pendingMigrations(last).length > 0) await requireKnownTables(label, columnNames(schema, session));
  for (const migration of pendingMigrations(last)) {
    await migration.apply(change);
    await session.run(
      `INSERT INTO ${quoted(MIGRATIONS_TABLE)} (number, name) VALUES (${dialect.parameter(1)}, ${dialect.parameter(2)})`,
      [migration.number, migration.name],
    );
  }
}

/** The names of a table's columns, for `requireKnownTables`. */
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

/** A foreign key in the syntax of CREATE TABLE and ALTER TABLE. */
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

/** Tables created by SPEC.md's own statements have neither `version` nor `extra`, and not all have `updated_at`. */
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
  // Existing rows have no value for it yet.
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
