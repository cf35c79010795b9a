import { jobsHandler } from '../../lib/lambda/jobs-handler.ts';
import { listMigrations } from '../../lib/service/operations/list-migrations.ts';

export const handler = jobsHandler('list-migrations', listMigrations);
