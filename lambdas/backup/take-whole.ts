import { backupTask } from '../../lib/lambda/backup-task.ts';

export const handler = backupTask('take-whole', async (tasks, { backup_id }) => {
  await tasks.takeWhole();
  return { backup_id };
});
