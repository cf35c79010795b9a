import { stateLocation } from '../../lib/lambda/deployed-stores.ts';
import type { MigrationInput } from '../../lib/lambda/migration-task.ts';
import { type FailureInput, reportFailure } from '../../lib/lambda/report-failure.ts';
import { logged } from '../../lib/lambda/task-log.ts';
import { stateOf } from '../../lib/migration/plan.ts';

export const handler = (input: MigrationInput & FailureInput): Promise<{ readonly resumed: true }> =>
  logged('report-failure', input, async () => {
    const { migration_id: id } = input;
    return reportFailure(stateOf(await stateLocation(), id), `Migration ${id}`, id, input);
  });
