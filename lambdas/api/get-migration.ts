import { getMigration } from '../../lib/service/get-migration.ts';
import { jobsHandler } from '../jobs-handler.ts';

export const handler = jobsHandler('get-migration', getMigration);
