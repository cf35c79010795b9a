export { nextOfMigration as handler } from '../../lib/lambda/migration-task.ts';
