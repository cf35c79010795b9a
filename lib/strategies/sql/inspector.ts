import type { SqlStrategyConfig } from '../../config/sql-strategy.ts';
import type { Finding } from '../../repository/finding.ts';
import type { SqlDatabase } from './database.ts';

/** The checks of one kind of database. */
export interface Inspector {
  /** Checks before the database is opened, which would create it. */
  before(config: SqlStrategyConfig): AsyncIterable<Finding>;
  opened(database: SqlDatabase, config: SqlStrategyConfig): AsyncIterable<Finding>;
}
