import { unitOfBackup } from '../../lib/lambda/backup-task.ts';

export const handler = unitOfBackup('back-up-moment');
