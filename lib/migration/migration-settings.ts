import type { MigrationConfig } from '../config/migration.ts';
import type { FieldDefaults } from '../transfer/compatibility.ts';
import type { StoreType } from './stores.ts';

/** How a migration is done: the section `migration` of the configuration, with what the command line changed. */
export interface MigrationSettings {
  /** Entities of one batch, 1 to 1,000. */
  readonly batchSize: number;
  /** Batches that are written at the same time. */
  readonly parallelWorkers: number;
  readonly createBackup: boolean;
  readonly backupLocation: string;
  readonly validate: boolean;
  readonly cleanupSource: boolean;
  readonly onInvalid: 'fail' | 'skip';
  readonly defaults: FieldDefaults;
  /** Whether the target may hold entities already. Newer ones stay. */
  readonly merge: boolean;
  /** Whether entities that only the target has are deleted there when both are compared. */
  readonly deleteExtra: boolean;
}

/** What a migration was asked to do, as its log keeps it: no secrets. */
export interface MigrationPlan {
  readonly source: StoreChoice;
  readonly target: StoreChoice;
  readonly settings: MigrationSettings;
  /** Who asked for it: the server goes on with its own when it starts again. */
  readonly origin: 'command' | 'server';
}

export interface StoreChoice {
  readonly type: StoreType;
  /** Configuration file that describes it; the program's own where left out. */
  readonly config?: string | undefined;
  /** See `storeLocation`. */
  readonly place: string;
}

export const settingsOf = (config: MigrationConfig): MigrationSettings => ({
  batchSize: config.batch_size,
  parallelWorkers: config.parallel_workers,
  createBackup: config.create_backup,
  backupLocation: config.backup_location,
  validate: config.validate_after_migration,
  cleanupSource: config.cleanup_source,
  onInvalid: config.on_invalid,
  defaults: config.defaults as FieldDefaults,
  merge: false,
  deleteExtra: false,
});
