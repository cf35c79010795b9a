export { takeTurnOfBackup as handler } from '../../lib/lambda/take-turn.ts';
