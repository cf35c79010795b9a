/** The public entry of the package: the repository as a library, on any store. */
export type { Config, ConfigInput } from './config/configuration.ts';
export { configSchema } from './config/configuration.ts';
export { loadConfig } from './config/load-config.ts';
export { parseConfig } from './config/parse-config.ts';
export { type CollectionName, collectionNames, collections } from './model/collections.ts';
export type {
  Entity,
  EntityChanges,
  EntityInput,
  EntityOf,
  HostRequest,
  JsonObject,
  JsonValue,
  Machine,
  Template,
} from './model/entities.ts';
export type { Problem } from './model/json-values.ts';
export * as limits from './model/limits.ts';
export {
  ConcurrencyConflictError,
  ConfigurationError,
  EntityExistsError,
  EntityInUseError,
  EntityNotFoundError,
  ReferenceNotFoundError,
  StorageDamagedError,
  StorageError,
  StorageUnavailableError,
  TemplateNotFoundError,
  TransactionTooLargeError,
  UnsupportedOperationError,
  ValidationError,
} from './repository/errors.ts';
export type { Finding } from './repository/finding.ts';
export type { Expectation } from './repository/guarded-write.ts';
export type { CountOptions, Filter, FilterOperator, Filters, QueryOptions } from './repository/query.ts';
export type {
  BatchGetResult,
  BatchSaveResult,
  CountResult,
  NewEntity,
  QueryResult,
  Repository,
  Transaction,
  WriteOptions,
} from './repository/repository.ts';
export { StorageRepository } from './repository/storage-repository.ts';
export type { Capabilities, Explanation, StorageStrategy } from './repository/storage-strategy.ts';
export type { DynamodbStorageStrategy } from './strategies/dynamodb/dynamodb-strategy.ts';
export type { JsonStorageStrategy } from './strategies/json/json-strategy.ts';
export { openRepository } from './strategies/open-repository.ts';
export type { SqlStorageStrategy } from './strategies/sql/sql-strategy.ts';
