import type { Config, StrategyName } from '../config/configuration.ts';
import type { NativeCopy, NativeCopyOptions } from '../repository/native-copy.ts';

type Copy = (storage: Config['storage'], options: NativeCopyOptions) => Promise<NativeCopy>;

const copies: { readonly [S in StrategyName]: Copy } = {
  json: async ({ json_strategy }, options) =>
    (await import('./json/native-backup.ts')).copyJsonFiles(json_strategy, options),
  sql: async ({ sql_strategy }, options) =>
    sql_strategy.type === 'sqlite'
      ? (await import('./sql/sqlite/native-backup.ts')).copySqliteFile(sql_strategy, options)
      : (await import('./sql/postgresql/native-backup.ts')).dumpPostgresql(sql_strategy, options),
  dynamodb: async ({ dynamodb_strategy }, options) => {
    const { openClient } = await import('./dynamodb/open-dynamodb-strategy.ts');
    const client = openClient(dynamodb_strategy);
    try {
      return await (await import('./dynamodb/native-backup.ts')).backUpTables(dynamodb_strategy, client, options);
    } finally {
      client.destroy();
    }
  },
};

/**
 * Backs up a store by its own means: SQLite's online backup, `pg_dump`, DynamoDB's on-demand backups, a copy of JSON files.
 * @throws BackupError, or what opening the store throws
 */
export const copyNatively = ({ storage }: Config, options: NativeCopyOptions): Promise<NativeCopy> =>
  copies[storage.strategy](storage, options);

/** Whether a native backup of this store consists of files, which need a folder. */
export const copiesToFiles = ({ storage }: Config): boolean => storage.strategy !== 'dynamodb';
