import type { SqlStrategyConfig } from '../../config/sql-strategy.ts';
import type { Finding } from '../../repository/finding.ts';
import type { SqlDatabase } from './database.ts';

/** What is looked at on one kind of database only. */
export interface Inspector {
  /** Without opening the database, which would make it. */
  before(config: SqlStrategyConfig): AsyncIterable<Finding>;
  opened(database: SqlDatabase, config: SqlStrategyConfig): AsyncIterable<Finding>;
}
