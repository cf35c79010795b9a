import { BackupTasks } from '../backup/backup-tasks.ts';
import { planFor } from '../migration/planned-migration.ts';
import type { MigrationStore } from '../migration/stores.ts';
import { backupLocation, deployedConfig, migrationStore, stateLocation } from './deployed-stores.ts';
import { logged, type TaskContext } from './task-log.ts';

/** What every task of a backup is called with: ids only. */
export interface BackupTaskInput {
  readonly backup_id: string;
  /** Where the source of a migration is backed up, in place of the store of the deployment. */
  readonly migration_id?: string;
}

async function storeOf({ migration_id }: BackupTaskInput): Promise<{ store: MigrationStore; path?: string }> {
  if (migration_id !== undefined) {
    const { source, settings } = await planFor(await stateLocation(), migration_id);
    return { store: await migrationStore('source', source), path: settings.backupLocation };
  }
  const { storage } = (await deployedConfig()).config;
  return { store: await migrationStore('source', { type: storage.strategy, place: '' }) };
}

/** A Lambda handler that does a task of a backup. */
export const backupTask =
  <I extends BackupTaskInput, R>(name: string, run: (tasks: BackupTasks, input: I) => Promise<R>) =>
  (input: I, context: TaskContext): Promise<R> =>
    logged(name, input, async () => {
      const { store, path } = await storeOf(input);
      const tasks = new BackupTasks({
        id: input.backup_id,
        strategy: store.repository.strategy,
        place: store.place,
        location: await backupLocation(path),
        states: await stateLocation(),
        timeLeft: () => context.getRemainingTimeInMillis(),
      });
      return run(tasks, input);
    });
