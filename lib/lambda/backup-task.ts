import { backupStateOf } from '../backup/backup-order.ts';
import { takeBackup } from '../backup/create-backup.ts';
import { type BackupPhases, backupPhases } from '../backup/write-parts.ts';
import type { MigrationStore } from '../migration/stores.ts';
import type { Location } from '../objects/location.ts';
import { RemoteSteps } from '../transfer/steps.ts';
import { backupLocation, deployedConfig, migrationStore, stateLocation } from './deployed-stores.ts';
import { type Next, type NextInput, nextOf, noting, type UnitInput, workOn } from './long-work.ts';
import { logged, type TaskContext } from './task-log.ts';

/** What every task of a backup is called with: an id only. */
export interface BackupInput {
  readonly backup_id: string;
}

interface BackupWork {
  readonly steps: RemoteSteps<BackupPhases>;
  readonly store: MigrationStore;
  readonly location: Location;
}

/** A Lambda handler that does a task of a backup. */
const backupTask =
  <I extends BackupInput, R>(name: string, run: (work: BackupWork, input: I, context: TaskContext) => Promise<R>) =>
  (input: I, context: TaskContext): Promise<R> =>
    logged(name, input, async () => {
      const state = backupStateOf(await stateLocation(), input.backup_id);
      return noting(state, name, async () => {
        const { storage } = (await deployedConfig()).config;
        const store = await migrationStore('source', { type: storage.strategy, place: '' });
        const location = await backupLocation();
        const { strategy } = store.repository;
        const steps = new RemoteSteps(backupPhases({ id: input.backup_id, strategy, location }), state);
        return run({ steps, store, location }, input, context);
      });
    });

/** The handler that says what is next. */
export const nextOfBackup = backupTask(
  'next',
  async ({ steps, store, location }, { backup_id: id }: BackupInput & NextInput): Promise<Next<{ id: string }>> =>
    nextOf(async () => {
      const { place, repository } = store;
      await takeBackup(steps, { id, strategy: repository.strategy, place, location });
      // The manifest says it all.
      await steps.state.clear();
      return { id };
    }),
);

/** The handler that works on units of a phase. */
export const unitOfBackup = (phase: keyof BackupPhases) =>
  backupTask(phase, async ({ steps }, input: BackupInput & UnitInput, context) => workOn(steps, phase, input, context));
