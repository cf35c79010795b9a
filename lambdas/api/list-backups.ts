import { listBackups } from '../../lib/service/list-backups.ts';
import { jobsHandler } from '../jobs-handler.ts';

export const handler = jobsHandler('list-backups', listBackups);
