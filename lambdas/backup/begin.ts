import { backupTask } from '../../lib/lambda/backup-task.ts';

export const handler = backupTask('begin', (tasks) => tasks.begin());
