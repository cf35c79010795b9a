import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { makeFolderOf } from '../../../objects/file-owner.ts';
import { backOff } from '../../../repository/backoff.ts';
import { ConfigurationError, StorageUnavailableError } from '../../../repository/errors.ts';
import { migrateSchema, pendingMigrations, requireKnown } from '../schema-migrations.ts';
import { asStorageError, busy, isBusy } from './faults.ts';
import { OpenFiles } from './open-files.ts';
import { recognizeFile } from './recognize-file.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { sqliteSchema } from './sqlite-schema.ts';

/** Longest pause between two attempts to open the file. */
const MAX_PAUSE_MS = 20;

/** Opens the connections in the one mode that this store uses. */
function connect(path: string, foreignKeys: boolean, timeoutMs: number): SqliteDatabase {
  const before = OpenFiles.before(path);
  const writer = new SqliteConnection(path, foreignKeys);
  try {
    const [[encoding] = []] = writer.run('PRAGMA encoding');
    if (encoding !== 'UTF-8') {
      throw new ConfigurationError(
        `${path} stores its text as ${encoding}, which sorts differently from UTF-8. Copy it into a new database with encoding UTF-8.`,
      );
    }
    // WAL: readers and a writer do not wait for each other. FULL: a commit is on the disk when it returns.
    const [[mode] = []] = writer.run('PRAGMA journal_mode = WAL');
    if (mode !== 'wal') {
      throw new ConfigurationError(
        `${path} cannot be shared: SQLite's WAL mode does not work there. Use a local disk.`,
      );
    }
    writer.execute('PRAGMA synchronous = FULL');
    const reader = new SqliteConnection(path, foreignKeys);
    // A new database has no log until its first read.
    reader.execute('PRAGMA query_only = 1; SELECT count(*) FROM sqlite_schema');
    return new SqliteDatabase(writer, reader, new OpenFiles(path, before), timeoutMs);
  } catch (error) {
    writer.close();
    throw error;
  }
}

/**
 * Opens the file, creating it and its folder if they are missing.
 * @param options.migrate whether to create or upgrade its tables
 */
export async function openSqliteDatabase(
  { name: path, timeout }: SqlStrategyConfig,
  options: { readonly foreignKeys: boolean; readonly migrate: boolean },
): Promise<SqliteDatabase> {
  const deadline = performance.now() + timeout * 1000;
  try {
    makeFolderOf(path);
  } catch (cause) {
    throw new StorageUnavailableError(`Cannot create the folder of ${path}: ${(cause as Error).message}`, { cause });
  }
  for (;;) {
    try {
      await recognizeFile(path);
      const database = connect(path, options.foreignKeys, timeout * 1000);
      if (options.migrate) await migrate(database);
      return database;
    } catch (error) {
      // Another process is switching the file to WAL, or is the last one to close it.
      if (!isBusy(error)) throw asStorageError(error, path);
      if (performance.now() > deadline) throw busy(path, timeout * 1000, error);
      await backOff(1, { baseMs: MAX_PAUSE_MS, longestMs: MAX_PAUSE_MS });
    }
  }
}

async function migrate(database: SqliteDatabase): Promise<void> {
  try {
    const last = await database.lastMigration();
    requireKnown(last);
    if (pendingMigrations(last).length === 0) return;
    await database.transaction('serializable', (session) =>
      migrateSchema({ session, dialect: sqliteDialect, schema: sqliteSchema, foreignKeys: true, label: database.path }),
    );
  } catch (error) {
    await database.close();
    throw error;
  }
}
