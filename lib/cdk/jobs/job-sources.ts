/** What is bundled for migrations and backups. */
import type { FunctionSource } from '../functions/bundle.ts';
import type { JobKind } from './job-names.ts';
import { backupNeeds, migrationNeeds } from './task-permissions.ts';

/** Name of the bundle of a task, such as `migration-copy`. */
export const bundleOf = (kind: JobKind, task: string): string => `${kind}-${task}`;

const sourceOf = (kind: JobKind, task: string): FunctionSource => ({
  name: bundleOf(kind, task),
  entry: `lambdas/${kind}/${task}.ts`,
});

/** Restores into SQLite, whatever the store is. */
export const RESTORE_TEST = 'test-restore';

export const migrationSources: readonly FunctionSource[] = Object.keys(migrationNeeds).map((task) =>
  sourceOf('migration', task),
);

export const backupSources: readonly FunctionSource[] = Object.keys(backupNeeds)
  .filter((task) => task !== RESTORE_TEST)
  .map((task) => sourceOf('backup', task));

export const restoreTestSource = sourceOf('backup', RESTORE_TEST);
