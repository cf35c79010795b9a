import { migrationTask } from '../migration-task.ts';

export const handler = migrationTask('judge', async (tasks) => {
  await tasks.judge();
  return {};
});
