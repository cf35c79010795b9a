import type { SideUnit } from '../../lib/migration/migration-units.ts';
import { type MigrationTaskInput, migrationTask } from '../migration-task.ts';

type Input = MigrationTaskInput & { readonly unit: SideUnit };

export const handler = migrationTask('repair-unit', (tasks, { unit }: Input) => tasks.comparison.repairUnit(unit));
