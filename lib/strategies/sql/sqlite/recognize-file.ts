import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { requireKnownTables } from '../known-tables.ts';
import { lastMigration, MIGRATIONS_TABLE, pendingMigrations } from '../schema-migrations.ts';

/** 0 if it is unknown: opening the file reports what is wrong with the path. */
function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

/**
 * Checks a file before the store opens it in WAL mode, which would already change the file. Changes nothing and leaves no
 * other file beside it.
 * @throws ConfigurationError if its tables belong to another program
 */
export async function recognizeFile(path: string): Promise<void> {
  if (sizeOf(path) === 0) return;
  // The last connection would write the content of a write-ahead log into the file, unless it is read-only. Without a log
  // there is nothing to write; but then a read-only connection would leave an empty log behind, which any other removes.
  const database = new DatabaseSync(path, { readOnly: existsSync(`${path}-wal`) });
  try {
    const columnsOf = database.prepare('SELECT name FROM pragma_table_info(?)');
    const namesIn = (table: string): string[] => columnsOf.all(table).map(({ name }) => String(name));
    const last = namesIn(MIGRATIONS_TABLE).length === 0 ? 0 : database.prepare(lastMigration).get();
    if (pendingMigrations(Number(Object.values(last ?? {})[0] ?? 0)).length === 0) return;
    await requireKnownTables(path, async (table) => namesIn(table));
  } finally {
    database.close();
  }
}
