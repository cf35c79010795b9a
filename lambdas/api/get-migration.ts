import { jobsHandler } from '../../lib/lambda/jobs-handler.ts';
import { getMigration } from '../../lib/service/operations/get-migration.ts';

export const handler = jobsHandler('get-migration', getMigration);
