import type { DatabaseKind, TestDatabase } from './databases.ts';

/** Adds a column or a constraint to the definition of the empty table `machines`: SQLite cannot alter it that way. */
export async function addToMachines({ name }: DatabaseKind, database: TestDatabase, definition: string): Promise<void> {
  if (name === 'postgresql') return database.script(`ALTER TABLE machines ADD ${definition}`);
  const [row] = await database.run("SELECT sql FROM sqlite_master WHERE name = 'machines'");
  const sql = String(row?.sql);
  const added = definition.startsWith('CONSTRAINT')
    ? sql.replace(/\)$/, `, ${definition})`)
    : sql.replace('(', `(${definition}, `);
  await database.script(`DROP TABLE machines; ${added}`);
}
