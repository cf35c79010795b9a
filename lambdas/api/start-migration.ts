import { jobsHandler } from '../../lib/lambda/jobs-handler.ts';
import { startMigration } from '../../lib/service/operations/start-migration.ts';

export const handler = jobsHandler('start-migration', startMigration);
