import { startBackup } from '../../lib/service/start-backup.ts';
import { jobsHandler } from '../jobs-handler.ts';

export const handler = jobsHandler('start-backup', startBackup);
