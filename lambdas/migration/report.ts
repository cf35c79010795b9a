import { type MigrationTaskInput, migrationTask } from '../migration-task.ts';
import { notify } from '../notify.ts';

interface Input extends MigrationTaskInput {
  /** Id of the backup of the source, where one was taken. */
  readonly backup_id?: string;
}

/** The last task: writes the report and tells the operators. */
export const handler = migrationTask('report', async (tasks, { migration_id, backup_id }: Input) => {
  const report = await tasks.report(backup_id);
  const ended = report.outcome === 'succeeded' ? 'has succeeded' : 'has ended with differences';
  await notify(`Migration ${migration_id} ${ended}`, JSON.stringify({ ...report, validation: undefined }, null, 2));
  return { outcome: report.outcome };
});
