/**
 * The last task: tells the operators how the migration has ended. It reads the report and opens no store, so that it need not
 * run in the network of a store, from which there may be no way to SNS.
 */
import { stateLocation } from '../../lib/lambda/deployed-stores.ts';
import type { MigrationInput } from '../../lib/lambda/migration-task.ts';
import { notify } from '../../lib/lambda/notify.ts';
import { logged } from '../../lib/lambda/task-log.ts';
import { readRecord } from '../../lib/migration/record.ts';
import type { MigrationReport } from '../../lib/migration/report.ts';
import { MigrationError } from '../../lib/repository/errors.ts';

export const handler = (input: MigrationInput): Promise<Pick<MigrationReport, 'outcome'>> =>
  logged('announce', input, async () => {
    const { migration_id: id } = input;
    const report = (await readRecord(await stateLocation(), id))?.report;
    if (report === undefined) throw new MigrationError(`The migration ${JSON.stringify(id)} has no report.`);
    const { outcome } = report;
    const ended = outcome === 'succeeded' ? 'has succeeded' : 'has ended with differences';
    await notify(`Migration ${id} ${ended}`, JSON.stringify({ ...report, validation: undefined }, null, 2));
    return { outcome };
  });
