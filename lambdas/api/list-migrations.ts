import { listMigrations } from '../../lib/service/list-migrations.ts';
import { jobsHandler } from '../jobs-handler.ts';

export const handler = jobsHandler('list-migrations', listMigrations);
