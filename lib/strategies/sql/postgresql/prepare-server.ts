import { ConfigurationError } from '../../../repository/errors.ts';
import type { SqlDatabase } from '../database.ts';
import { requireKnownTables } from '../known-tables.ts';
import { quoted, tables } from '../schema.ts';
import {
  columnNames,
  foreignKeyDefinition,
  lastMigration,
  MIGRATIONS_TABLE,
  migrateSchema,
  pendingMigrations,
  requireKnown,
} from '../schema-migrations.ts';
import type { SqlSession } from '../sql-session.ts';
import { postgresqlDialect } from './postgresql-dialect.ts';
import { postgresqlSchema } from './postgresql-schema.ts';

/** Key of the lock under which one process at a time changes the tables; any number, as long as it stays the same. */
const SCHEMA_LOCK = 4_867_305_512;

/** What a database is like, as far as this program depends on it. */
export interface ServerState {
  readonly encoding: string;
  readonly dateStyle: string;
  /** Whether the database has been touched by this program. */
  readonly known: boolean;
  /** The foreign keys of our tables, by name. */
  readonly foreignKeys: ReadonlySet<string>;
}

/** Asks in one round trip. */
export async function serverState(session: SqlSession): Promise<ServerState> {
  const [[encoding, dateStyle, migrations, keys] = []] = await session.run(
    "SELECT current_setting('server_encoding'), current_setting('DateStyle'), to_regclass($1)::text, " +
      "(SELECT string_agg(conname, ' ') FROM pg_constraint WHERE contype = 'f' AND conrelid IN " +
      `(${tables.map((_, i) => `to_regclass($${i + 2})`).join(', ')}))`,
    [quoted(MIGRATIONS_TABLE), ...tables.map(({ name }) => quoted(name))],
  );
  return {
    encoding: String(encoding),
    dateStyle: String(dateStyle),
    known: migrations !== null,
    foreignKeys: new Set(String(keys ?? '').split(' ')),
  };
}

/** The number of the last schema migration; 0 where there was none. */
export async function lastMigrationOf(session: SqlSession, { known }: ServerState): Promise<number> {
  if (!known) return 0;
  const [[last] = [0]] = await session.run(lastMigration);
  return Number(last ?? 0);
}

function requireUsable({ encoding, dateStyle }: ServerState): void {
  if (encoding !== 'UTF8') {
    throw new ConfigurationError(`The database has the encoding ${encoding}. Create one with ENCODING 'UTF8'.`);
  }
  if (!dateStyle.startsWith('ISO')) {
    throw new ConfigurationError(
      `The database writes times as ${dateStyle}. Use ALTER ROLE … SET datestyle = 'ISO' for the user of this program.`,
    );
  }
}

const declaredKeys = tables.flatMap((table) => table.foreignKeys.map((key) => ({ table, key })));

/** Statements that add or drop the foreign keys. Records that were there before may refer to nothing, so they are not held to it. */
function foreignKeyChanges(wanted: boolean, existing: ReadonlySet<string>): string[] {
  return declaredKeys.flatMap(({ table, key }) => {
    if (wanted === existing.has(key.name)) return [];
    const alter = `ALTER TABLE ${quoted(table.name)}`;
    return wanted
      ? [`${alter} ADD ${foreignKeyDefinition(key)} NOT VALID`]
      : [`${alter} DROP CONSTRAINT IF EXISTS ${quoted(key.name)}`];
  });
}

/**
 * Checks the database.
 * @param place the database, for people
 * @returns whether its tables are not those of this program yet
 * @throws ConfigurationError where it cannot be used
 */
export async function needsChanges(database: SqlDatabase, place: string, foreignKeys: boolean): Promise<boolean> {
  const state = await serverState(database.reading);
  requireUsable(state);
  const last = await lastMigrationOf(database.reading, state);
  requireKnown(last);
  const pending = pendingMigrations(last).length > 0;
  if (pending) await requireKnownTables(place, columnNames(postgresqlSchema, database.reading));
  return pending || foreignKeyChanges(foreignKeys, state.foreignKeys).length > 0;
}

/** Brings a database to the tables of this program, one process at a time. */
export async function changeTables(database: SqlDatabase, place: string, foreignKeys: boolean): Promise<void> {
  await database.transaction('locks', async (session) => {
    // Of this transaction, not of the session: proxies share sessions.
    await session.run('SELECT pg_advisory_xact_lock($1::bigint)', [SCHEMA_LOCK]);
    await migrateSchema({ session, dialect: postgresqlDialect, schema: postgresqlSchema, foreignKeys, place });
    const current = await serverState(session);
    for (const statement of foreignKeyChanges(foreignKeys, current.foreignKeys)) await session.run(statement);
  });
}
