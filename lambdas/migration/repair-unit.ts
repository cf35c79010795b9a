import { type MigrationTaskInput, migrationTask } from '../../lib/lambda/migration-task.ts';
import type { SideUnit } from '../../lib/migration/migration-units.ts';

type Input = MigrationTaskInput & { readonly unit: SideUnit };

export const handler = migrationTask('repair-unit', (tasks, { unit }: Input) => tasks.comparison.repairUnit(unit));
