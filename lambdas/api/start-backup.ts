import { jobsHandler } from '../../lib/lambda/jobs-handler.ts';
import { startBackup } from '../../lib/service/operations/start-backup.ts';

export const handler = jobsHandler('start-backup', startBackup);
