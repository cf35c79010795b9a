import { migrationTask } from '../../lib/lambda/migration-task.ts';

export const handler = migrationTask('compare', (tasks) => tasks.comparison.compare());
