import type { Unit } from '../../lib/backup/task-state.ts';
import { type MigrationTaskInput, migrationTask } from '../../lib/lambda/migration-task.ts';

export const handler = migrationTask('check-unit', (tasks, { unit }: MigrationTaskInput & { readonly unit: Unit }) =>
  tasks.checkUnit(unit),
);
