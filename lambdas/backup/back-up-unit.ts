import type { Unit } from '../../lib/backup/task-state.ts';
import { type BackupTaskInput, backupTask } from '../../lib/lambda/backup-task.ts';

export const handler = backupTask('back-up-unit', (tasks, { unit }: BackupTaskInput & { readonly unit: Unit }) =>
  tasks.backUpUnit(unit),
);
