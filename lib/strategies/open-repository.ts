import type { Config, ConfigInput, StrategyName } from '../config/configuration.ts';
import { parseConfig } from '../config/parse-config.ts';
import { StorageRepository } from '../repository/storage-repository.ts';
import type { StorageStrategy } from '../repository/storage-strategy.ts';

// Imported lazily, so that a program, above all a Lambda function, loads the libraries of one store only.
const openers: { readonly [S in StrategyName]: (storage: Config['storage']) => Promise<StorageStrategy> } = {
  json: async ({ json_strategy }) => (await import('./json/json-strategy.ts')).openJsonStrategy(json_strategy),
  sql: async ({ sql_strategy, enforce_references }) =>
    (await import('./sql/open-sql-strategy.ts')).openSqlStrategy(sql_strategy, enforce_references),
  dynamodb: async ({ dynamodb_strategy, enforce_references }) =>
    (await import('./dynamodb/open-dynamodb-strategy.ts')).openDynamodbStrategy(dynamodb_strategy, enforce_references),
};

/**
 * Opens the store that a configuration names. Close the repository after use, or declare it with `await using`.
 * @param config from `loadConfig`, or in the form of a configuration file, which is validated and completed
 * @throws ConfigurationError, StorageUnavailableError, StorageDamagedError
 */
export async function openRepository(config: Config | ConfigInput): Promise<StorageRepository> {
  const { storage } = parseConfig(config);
  const strategy = await openers[storage.strategy](storage);
  return new StorageRepository(strategy, { enforceReferences: storage.enforce_references });
}
