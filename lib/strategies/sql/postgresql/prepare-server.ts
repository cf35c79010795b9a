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

/** Key of the lock under which one process at a time changes the tables: any number, but always the same. */
const SCHEMA_LOCK = 4_867_305_512;

/** The properties of a database that this program depends on. */
export interface ServerState {
  readonly encoding: string;
  readonly dateStyle: string;
  /** Whether this program has used the database before. */
  readonly known: boolean;
  /** The foreign keys of our tables, by name. */
  readonly foreignKeys: ReadonlySet<string>;
}

/** Reads the state in one round trip. */
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

/** The number of the last schema migration; 0 if there was none. */
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

/** Statements that add or drop the foreign keys. Existing rows may have dangling references, so they are not validated. */
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
 * @param label the database, for messages
 * @returns whether its tables must be created or upgraded
 * @throws ConfigurationError if it cannot be used
 */
export async function needsChanges(database: SqlDatabase, label: string, foreignKeys: boolean): Promise<boolean> {
  const state = await serverState(database.reading);
  requireUsable(state);
  const last = await lastMigrationOf(database.reading, state);
  requireKnown(last);
  const pending = pendingMigrations(last).length > 0;
  if (pending) await requireKnownTables(label, columnNames(postgresqlSchema, database.reading));
  return pending || foreignKeyChanges(foreignKeys, state.foreignKeys).length > 0;
}

/** Creates or upgrades the tables of a database, one process at a time. */
export async function changeTables(database: SqlDatabase, label: string, foreignKeys: boolean): Promise<void> {
  await database.transaction('locks', async (session) => {
    // Held by the transaction, not by the session: proxies share sessions.
    await session.run('SELECT pg_advisory_xact_lock($1::bigint)', [SCHEMA_LOCK]);
    await migrateSchema({ session, dialect: postgresqlDialect, schema: postgresqlSchema, foreignKeys, label });
    const current = await serverState(session);
    for (const statement of foreignKeyChanges(foreignKeys, current.foreignKeys)) await session.run(statement);
  });
}
