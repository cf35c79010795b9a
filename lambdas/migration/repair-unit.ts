import type { Unit } from '../../lib/backup/task-state.ts';
import type { Side } from '../../lib/migration/migration-tasks.ts';
import { type MigrationTaskInput, migrationTask } from '../migration-task.ts';

type Input = MigrationTaskInput & { readonly unit: Unit & { readonly side: Side } };

export const handler = migrationTask('repair-unit', (tasks, { unit }: Input) => tasks.repairUnit(unit));
