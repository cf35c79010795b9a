import { migrationTask } from '../../lib/lambda/migration-task.ts';

export const handler = migrationTask('approve', async (tasks) => {
  await tasks.approve();
  return {};
});
