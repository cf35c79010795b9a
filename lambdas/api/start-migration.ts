import { startMigration } from '../../lib/service/start-migration.ts';
import { jobsHandler } from '../jobs-handler.ts';

export const handler = jobsHandler('start-migration', startMigration);
