/** What is bundled for migrations and backups. */
import type { FunctionSource } from '../functions/bundle.ts';
import { backupNeeds, migrationNeeds, takingTasks } from './task-permissions.ts';

export const migrationBundle = (task: string): string => `migration-${task}`;
/** A task of a backup of a migration's source: the same code, with access to both stores. */
export const takingBundle = (task: string): string => `migration-backup-${task}`;
export const backupBundle = (task: string): string => `backup-${task}`;

/** Restores into SQLite, whatever the store is. */
export const RESTORE_TEST = 'test-restore';

export const migrationSources: readonly FunctionSource[] = [
  ...Object.keys(migrationNeeds).map((task) => ({
    name: migrationBundle(task),
    entry: `lambdas/migration/${task}.ts`,
  })),
  ...takingTasks.map((task) => ({ name: takingBundle(task), entry: `lambdas/backup/${task}.ts` })),
];

const backupSource = (task: string): FunctionSource => ({
  name: backupBundle(task),
  entry: `lambdas/backup/${task}.ts`,
});

export const backupSources: readonly FunctionSource[] = Object.keys(backupNeeds)
  .filter((task) => task !== RESTORE_TEST)
  .map(backupSource);

export const restoreTestSource = backupSource(RESTORE_TEST);
