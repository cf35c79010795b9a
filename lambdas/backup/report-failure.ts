import { backupStateOf } from '../../lib/backup/backup-order.ts';
import type { BackupInput } from '../../lib/lambda/backup-task.ts';
import { stateLocation } from '../../lib/lambda/deployed-stores.ts';
import { type FailureInput, reportFailure } from '../../lib/lambda/report-failure.ts';
import { logged } from '../../lib/lambda/task-log.ts';

export const handler = (input: BackupInput & FailureInput): Promise<{ readonly resumed: true }> =>
  logged('report-failure', input, async () => {
    const { backup_id: id } = input;
    return reportFailure(backupStateOf(await stateLocation(), id), `Backup ${id}`, id, input);
  });
