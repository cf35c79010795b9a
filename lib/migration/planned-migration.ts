/** A migration that was ordered and is done by tasks: what its folder holds besides their state. */
import type { BackupLocation } from '../backup/backup-location.ts';
import { TaskState } from '../backup/task-state.ts';
import { MigrationError } from '../repository/errors.ts';
import type { MigrationPlan } from './migration-settings.ts';

const FOLDER = 'migrations';

/** What `plan.json` holds. */
export interface PlannedMigration extends MigrationPlan {
  readonly id: string;
  readonly started_at: string;
}

export const stateOf = (location: BackupLocation, id: string): TaskState => new TaskState(location, `${FOLDER}/${id}`);

/** @throws MigrationError where there is no such migration */
export async function planFor(location: BackupLocation, id: string): Promise<PlannedMigration> {
  const plan = await stateOf(location, id).read<PlannedMigration>('plan');
  if (plan !== undefined) return plan;
  throw new MigrationError(`There is no plan of the migration ${JSON.stringify(id)} in ${location.text}.`);
}

/** Ids of the migrations of a location. */
export const plannedMigrations = (location: BackupLocation): Promise<string[]> => location.folders(FOLDER);
