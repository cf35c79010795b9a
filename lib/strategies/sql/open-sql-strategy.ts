import type { SqlStrategyConfig } from '../../config/sql-strategy.ts';
import type { SqlDatabase } from './database.ts';
import { QueryCache } from './query-cache.ts';
import { SqlStorageStrategy } from './sql-strategy.ts';

/** Opens the database that the configuration describes. @param options.migrate whether to create or upgrade its tables */
export async function openSqlDatabase(
  config: SqlStrategyConfig,
  options: { readonly foreignKeys: boolean; readonly migrate: boolean },
): Promise<SqlDatabase> {
  // Loads only the driver that is needed.
  if (config.type === 'sqlite') {
    return (await import('./sqlite/open-sqlite-database.ts')).openSqliteDatabase(config, options);
  }
  return (await import('./postgresql/open-postgresql-database.ts')).openPostgresqlDatabase(config, options);
}

/**
 * Opens the SQL store, and creates or upgrades its tables.
 * @param enforceReferences whether the database has foreign keys and enforces them
 */
export async function openSqlStrategy(
  config: SqlStrategyConfig,
  enforceReferences: boolean,
): Promise<SqlStorageStrategy> {
  const database = await openSqlDatabase(config, { foreignKeys: enforceReferences, migrate: true });
  return new SqlStorageStrategy(
    database,
    config.enable_query_cache ? new QueryCache(config.query_cache_size) : undefined,
  );
}
