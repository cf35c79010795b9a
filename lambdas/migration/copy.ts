import { unitOfMigration } from '../../lib/lambda/migration-task.ts';

export const handler = unitOfMigration('copy');
