/**
 * What happens when long work has failed. The task keeps the reason, tells the operators and fails itself, so that the
 * execution fails in this state: when that is redriven, this task is what runs first, and sends the work back to its
 * beginning, where every unit continues from its own checkpoint.
 */
import type { Failure } from '../migration/record.ts';
import { now } from '../model/timestamps.ts';
import type { WorkState } from '../transfer/work-state.ts';
import { LAST_ERROR, type TaskFailure } from './long-work.ts';
import { notify } from './notify.ts';

export interface FailureInput {
  readonly error: { readonly Error?: string; readonly Cause?: string };
  /** How often the execution was redriven. */
  readonly redrive_count: number;
}

/** What a Map state with executions of its own says of a unit that has failed: not why. */
const UNIT_FAILED = 'States.ExceedToleratedFailureThreshold';

/** Lambda gives errors as JSON. */
function messageIn({ Error: name = 'Error', Cause: cause = '' }: FailureInput['error']): string {
  try {
    const { errorMessage } = JSON.parse(cause) as { errorMessage?: string };
    return errorMessage ?? name;
  } catch {
    return cause === '' ? name : cause;
  }
}

async function messageOf(state: WorkState, error: FailureInput['error']): Promise<string> {
  const last = error.Error === UNIT_FAILED ? await state.read<TaskFailure>(LAST_ERROR) : undefined;
  return last?.message ?? messageIn(error);
}

/** Ends an execution. It is not repeated: see the state machine. */
export class JobFailedError extends Error {
  override readonly name = 'JobFailedError';
}

/**
 * @param work such as `Migration m-1`
 * @param id also the name of the execution
 * @throws JobFailedError with the reason, unless the execution was redriven
 */
export async function reportFailure(
  state: WorkState,
  work: string,
  id: string,
  { error, redrive_count = 0 }: FailureInput,
): Promise<{ readonly resumed: true }> {
  const before = await state.read<Failure>('failure');
  if (before !== undefined && redrive_count > (before.redrive_count ?? 0)) {
    // Else the failure after this one would be taken for another redrive.
    await state.write('failure', { ...before, redrive_count, resumed: true } satisfies Failure);
    return { resumed: true };
  }
  const message = await messageOf(state, error);
  // Asked again because its answer was lost, it does not tell the operators again.
  const told = before?.resumed !== true && before?.redrive_count === redrive_count && before.message === message;
  if (!told) {
    await state.write('failure', { at: now(), message, redrive_count } satisfies Failure);
    await notify(`${work} has failed`, `${message}\n\nRemove the cause, then redrive the execution ${id}.`);
  }
  throw new JobFailedError(message);
}
