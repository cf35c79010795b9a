import { backupTask } from '../backup-task.ts';

export const handler = backupTask('take-whole', async (tasks, { backup_id }) => {
  await tasks.takeWhole();
  return { backup_id };
});
