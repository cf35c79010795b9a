import { backupTask } from '../../lib/lambda/backup-task.ts';

export const handler = backupTask('finish', async (tasks, { backup_id }) => {
  await tasks.finish();
  return { backup_id };
});
