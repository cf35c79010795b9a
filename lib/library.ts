/** The public entry of the package: the repository as a library, on any store. */
export { type BackupOptions, createBackup } from './backup/create-backup.ts';
export { findBackup } from './backup/find-backup.ts';
export { type ListedBackup, listBackups } from './backup/list-backups.ts';
export type { BackupManifest } from './backup/manifest.ts';
export { pruneBackups, type Retention } from './backup/prune-backups.ts';
export { verifyBackup } from './backup/read-backup.ts';
export { type RestoreOptions, type RestoreReport, restoreBackup } from './backup/restore-backup.ts';
export type { Config, ConfigInput } from './config/configuration.ts';
export { configSchema } from './config/configuration.ts';
export { loadConfig } from './config/load-config.ts';
export { parseConfig } from './config/parse-config.ts';
export {
  compareRepositories,
  type MigrateOptions,
  migrateRepository,
  planMigration,
  resumeMigration,
} from './migration/migrate-repository.ts';
export { Migration, type MigrationBatch, type MigrationParts } from './migration/migration.ts';
export type { MigrationReport, Preflight, Validation } from './migration/report.ts';
export { type MigrationSettings, settingsOf } from './migration/settings.ts';
export { type MigrationStore, openStore, type StoreType, storageOf } from './migration/stores.ts';
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
export type { Location } from './objects/location.ts';
export { openLocation } from './objects/open-location.ts';
export type { ApiAnswer, ApiCall, ApiClient } from './remote/api-client.ts';
export { HttpRepository } from './remote/http-repository.ts';
export { openRemoteRepository, type RemoteOptions } from './remote/open-remote.ts';
export type { ProvisionBody, Provisioned } from './remote/provision-call.ts';
export { AnswerLostError, RemoteCallError } from './remote/remote-errors.ts';
export type { RetryPolicy } from './remote/retry-policy.ts';
export {
  BackupError,
  ConcurrencyConflictError,
  ConfigurationError,
  EntityExistsError,
  EntityInUseError,
  EntityNotFoundError,
  MigrationError,
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
export { StoredState, type WorkState } from './transfer/work-state.ts';
