export { takeTurnOfMigration as handler } from '../../lib/lambda/take-turn.ts';
