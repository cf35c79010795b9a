import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { requireKnownTables } from '../known-tables.ts';
import { lastMigration, MIGRATIONS_TABLE, pendingMigrations } from '../schema-migrations.ts';

/** 0 where it cannot be told: what is wrong with the path is said where it is opened. */
function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

/**
 * Looks at a file before the store opens it in its own mode, which alone would change the file. Changes nothing and leaves
 * nothing beside it.
 * @throws ConfigurationError where the tables in it are those of another program
 */
export async function recognizeFile(path: string): Promise<void> {
  if (sizeOf(path) === 0) return;
  // What a write-ahead log holds, the last connection would write into the file, unless it is read-only. Where there is no
  // log there is nothing to write; then a read-only connection would leave an empty one behind, any other removes it.
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
