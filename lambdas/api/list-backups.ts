import { jobsHandler } from '../../lib/lambda/jobs-handler.ts';
import { listBackups } from '../../lib/service/operations/list-backups.ts';

export const handler = jobsHandler('list-backups', listBackups);
