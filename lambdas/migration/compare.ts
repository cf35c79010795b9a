import { migrationTask } from '../migration-task.ts';

export const handler = migrationTask('compare', (tasks) => tasks.comparison.compare());
