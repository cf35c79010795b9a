import { migrationTask } from '../../lib/lambda/migration-task.ts';

/** Writes the report. */
export const handler = migrationTask('report', async (tasks) => {
  const { outcome } = await tasks.report();
  return { outcome };
});
