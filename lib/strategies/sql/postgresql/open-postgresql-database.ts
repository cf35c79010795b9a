import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { ConnectionPool } from './connection-pool.ts';
import { connectionSettings } from './connection-settings.ts';
import { PostgresqlDatabase } from './postgresql-database.ts';
import { changeTables, needsChanges } from './prepare-server.ts';

/** Seconds that a change of the tables may take: indexing millions of rows takes a while. */
const CHANGE_TIMEOUT = 3600;

/**
 * Opens the pool, and creates or upgrades the tables.
 * @param options.foreignKeys whether the tables have foreign keys; they are added or dropped if that changed
 * @throws ConfigurationError, StorageUnavailableError
 */
export async function openPostgresqlDatabase(
  config: SqlStrategyConfig,
  options: { readonly foreignKeys: boolean; readonly migrate: boolean },
): Promise<PostgresqlDatabase> {
  const settings = await connectionSettings(config);
  const open = (changed: SqlStrategyConfig) => new PostgresqlDatabase(changed, new ConnectionPool(changed, settings));
  const database = open(config);
  try {
    const label = `The database ${JSON.stringify(config.name)} on ${database.pool.server}`;
    if ((await needsChanges(database, label, options.foreignKeys)) && options.migrate) {
      const unhurried = open({ ...config, timeout: CHANGE_TIMEOUT, pool_size: 1, max_overflow: 0 });
      await changeTables(unhurried, label, options.foreignKeys).finally(() => unhurried.close());
    }
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}
