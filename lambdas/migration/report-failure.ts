/**
 * What becomes of a migration that has failed. It keeps the reason, tells the operators and fails itself, so that the
 * execution fails in this state: when that is redriven, this task is what runs first, and sends the migration back to its
 * beginning, where every unit goes on from its own checkpoint.
 */
import type { TaskState } from '../../lib/backup/task-state.ts';
import { stateLocation } from '../../lib/lambda/deployed-stores.ts';
import {
  type Failure,
  LAST_ERROR,
  type MigrationTaskInput,
  type TaskFailure,
} from '../../lib/lambda/migration-task.ts';
import { notify } from '../../lib/lambda/notify.ts';
import { logged } from '../../lib/lambda/task-log.ts';
import { stateOf } from '../../lib/migration/planned-migration.ts';
import { now } from '../../lib/model/timestamps.ts';
import { MigrationError } from '../../lib/repository/errors.ts';

interface Input extends MigrationTaskInput {
  readonly error: { readonly Error?: string; readonly Cause?: string };
  /** How often the execution was redriven. */
  readonly redrive_count: number;
}

/** What a Map state with executions of its own says of a unit that has failed: not why. */
const UNIT_FAILED = 'States.ExceedToleratedFailureThreshold';

/** Lambda gives errors as JSON. */
function messageIn({ Error: name = 'Error', Cause: cause = '' }: Input['error']): string {
  try {
    const { errorMessage } = JSON.parse(cause) as { errorMessage?: string };
    return errorMessage ?? name;
  } catch {
    return cause === '' ? name : cause;
  }
}

async function messageOf(state: TaskState, error: Input['error']): Promise<string> {
  const last = error.Error === UNIT_FAILED ? await state.read<TaskFailure>(LAST_ERROR) : undefined;
  return last?.message ?? messageIn(error);
}

export const handler = (input: Input): Promise<{ resumed: true }> =>
  logged('report-failure', input, async () => {
    const { migration_id: id, redrive_count = 0 } = input;
    const state = stateOf(await stateLocation(), id);
    const before = await state.read<Failure>('failure');
    if (before !== undefined && redrive_count > before.redrive_count) {
      // Else the failure after this one would be taken for another redrive.
      await state.write('failure', { ...before, redrive_count, resumed: true } satisfies Failure);
      return { resumed: true };
    }
    const message = await messageOf(state, input.error);
    // Asked again because its answer was lost, it does not tell the operators again.
    const told = before?.resumed !== true && before?.redrive_count === redrive_count && before.message === message;
    if (!told) {
      await state.write('failure', { at: now(), message, redrive_count } satisfies Failure);
      await notify(`Migration ${id} has failed`, `${message}\n\nRemove the cause, then redrive the execution ${id}.`);
    }
    throw new MigrationError(message);
  });
