import { backupTask } from '../backup-task.ts';

export const handler = backupTask('begin', (tasks) => tasks.begin());
