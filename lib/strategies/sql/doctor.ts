/** `hfstorage doctor` for the SQL store. */
import type { SqlStrategyConfig } from '../../config/sql-strategy.ts';
import { StorageError } from '../../repository/errors.ts';
import type { Finding } from '../../repository/finding.ts';
import type { UndeclaredColumn } from '../../repository/storage-strategy.ts';
import type { SqlDatabase } from './database.ts';
import type { Inspector } from './inspector.ts';
import { openSqlDatabase } from './open-sql-strategy.ts';
import { type Index, quoted, type Table, tables } from './schema.ts';
import { indexDefinition, pendingMigrations, requireKnown, undeclaredColumns } from './schema-migrations.ts';

/** Seconds that one statement of a repair may take. */
const REPAIR_TIMEOUT = 3600;

/**
 * Checks everything that SPEC.md's troubleshooting checks by hand: the connection and the size of the database; also the
 * schema, the indexes and the number of connections in use.
 * @param options.repair whether to upgrade the schema and create missing indexes
 */
export async function* diagnoseSql(
  config: SqlStrategyConfig,
  enforceReferences: boolean,
  options: { readonly repair: boolean },
): AsyncGenerator<Finding> {
  const subject = config.type === 'sqlite' ? config.name : `${config.host}/${config.name}`;
  try {
    const inspect = await inspector(config);
    for await (const finding of inspect.before(config)) {
      yield finding;
      if (finding.level === 'error' || finding.final === true) return;
    }
    const foreignKeys = enforceReferences;
    // Indexing millions of rows takes a while.
    const adjusted = options.repair ? { ...config, timeout: REPAIR_TIMEOUT } : config;
    const database = await openSqlDatabase(adjusted, { foreignKeys, migrate: options.repair });
    try {
      yield* inspect.opened(database, config);
      yield* schemaFindings(database, subject, options);
    } finally {
      await database.close();
    }
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    yield { level: 'error', subject, message: error.message };
  }
}

const inspector = async ({ type }: SqlStrategyConfig): Promise<Inspector> =>
  type === 'sqlite'
    ? (await import('./sqlite/inspect-sqlite.ts')).sqliteInspector
    : (await import('./postgresql/inspect-postgresql.ts')).postgresqlInspector;

async function* schemaFindings(
  database: SqlDatabase,
  subject: string,
  { repair }: { readonly repair: boolean },
): AsyncGenerator<Finding> {
  const last = await database.lastMigration();
  requireKnown(last);
  const pending = pendingMigrations(last);
  if (pending.length > 0) {
    const names = pending.map(({ number, name }) => `${number} (${name})`).join(', ');
    yield {
      level: 'warning',
      subject,
      message: `Schema migrations are pending: ${names}.`,
      remedy: 'Take a backup; the next start of the service, or `hfstorage doctor --repair`, applies them.',
      final: true,
    };
    return;
  }
  yield { level: 'ok', subject, message: `The schema is up to date, at migration ${last}.` };
  let missing = 0;
  for (const table of tables) {
    const existing = await database.schema.indexesOf(database.reading, table.name);
    for (const index of table.indexes) {
      const found = existing.get(index.name);
      if (found !== undefined && found.join() === index.columns.join()) continue;
      missing++;
      yield repair ? await makeIndex(database, table, index) : indexFinding(table, index, found);
    }
  }
  if (missing === 0) yield { level: 'ok', subject, message: 'Every index exists.' };
  for (const column of await undeclaredColumns(database.schema, database.reading)) yield undeclared(column);
}

function undeclared({ table, column, required }: UndeclaredColumn): Finding {
  const subject = table;
  const message = `The column ${column} is unknown to this program: no read, migration or portable backup includes its values`;
  const remedy =
    'Move its values into fields of the entities or into a table of their own, then drop it; until then, `hfstorage backup ' +
    'create --native` includes it.';
  if (!required) return { level: 'warning', subject, message: `${message}.`, remedy };
  return {
    level: 'error',
    subject,
    message: `${message}; and it does not accept NULL, so nothing can be added.`,
    remedy,
  };
}

function indexFinding(table: Table, { name, columns }: Index, found: readonly string[] | undefined): Finding {
  const message =
    found === undefined
      ? `The index ${name} on (${columns.join(', ')}) is missing or not valid: queries that need it read the whole table.`
      : `The index ${name} is on (${found.join(', ')}), not on (${columns.join(', ')}).`;
  return { level: 'warning', subject: table.name, message, remedy: 'Run `hfstorage doctor --repair` at a quiet hour.' };
}

async function makeIndex(database: SqlDatabase, table: Table, index: Index): Promise<Finding> {
  await database.transaction('locks', async (session) => {
    await session.run(`DROP INDEX IF EXISTS ${quoted(index.name)}`);
    await session.run(indexDefinition(table, index));
  });
  return { level: 'ok', subject: table.name, message: `The index ${index.name} was created.` };
}
