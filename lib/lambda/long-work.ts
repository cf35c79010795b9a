/** The tasks of a state machine that does long work: what is to be done next, and the units that others have to work on. */
import { now } from '../model/timestamps.ts';
import { runUnit } from '../transfer/run-unit.ts';
import { type Phases, type Steps, UnitsAreLeft, type UnitsLeft, unitPath } from '../transfer/steps.ts';
import type { Unit } from '../transfer/unit.ts';
import type { WorkState } from '../transfer/work-state.ts';
import type { TaskContext } from './task-log.ts';

/** The input of the task that says what is next. */
export interface NextInput {
  /** How often the execution was redriven. */
  readonly redrive_count: number;
}

/** What is next: units of a phase, or nothing. */
export type Next<R> = UnitsLeft | { readonly phase: 'done'; readonly result: R };

/** Takes the steps of long work up to the first phase with units that are left. */
export async function nextOf<R>(run: () => Promise<R>): Promise<Next<R>> {
  try {
    return { phase: 'done', result: await run() };
  } catch (error) {
    if (error instanceof UnitsAreLeft) return error.left;
    throw error;
  }
}

/** The input of a task that works on a unit. */
export interface UnitInput {
  readonly key: string;
  readonly unit: Unit;
}

/** Works on a unit for as long as the function may run. It is called again until the unit is done. */
export async function workOn<F extends Phases>(
  { phases, state }: Steps<F>,
  phase: keyof F & string,
  { key, unit }: UnitInput,
  context: TaskContext,
): Promise<{ readonly done: boolean }> {
  const timeLeft = (): number => context.getRemainingTimeInMillis();
  const { done } = await runUnit(state, unitPath(key, unit), phases[phase] as Phases[string], unit, { timeLeft });
  return { done };
}

/** Why a task failed last: the object `last-error`. Step Functions says of a unit only that it has failed. */
export interface TaskFailure {
  readonly at: string;
  readonly task: string;
  readonly message: string;
}
export const LAST_ERROR = 'last-error';

/** Runs a task, and stores why it fails if it does. */
export async function noting<R>(state: WorkState, task: string, run: () => Promise<R>): Promise<R> {
  try {
    return await run();
  } catch (error) {
    const failure: TaskFailure = { at: now(), task, message: (error as Error).message };
    // What goes wrong here must not hide the reason.
    await state.write(LAST_ERROR, failure).catch(() => {});
    throw error;
  }
}
