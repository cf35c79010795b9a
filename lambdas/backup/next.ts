export { nextOfBackup as handler } from '../../lib/lambda/backup-task.ts';
