import { MigrationTasks } from '../migration/migration-tasks.ts';
import { planFor, stateOf } from '../migration/planned-migration.ts';
import { now } from '../model/timestamps.ts';
import { migrationStore, stateLocation } from './deployed-stores.ts';
import { logged, type TaskContext } from './task-log.ts';

/** What every task of a migration is called with: ids only, never data. */
export interface MigrationTaskInput {
  readonly migration_id: string;
}

/** Name of the state that says why a task has failed last. */
export const LAST_ERROR = 'last-error';

/** What `failure.json` holds. */
export interface Failure {
  readonly at: string;
  readonly message: string;
  readonly redrive_count: number;
  /** Whether the execution was redriven since, and goes on. */
  readonly resumed?: true;
}

export interface TaskFailure {
  readonly at: string;
  readonly task: string;
  readonly message: string;
}

/** A Lambda handler that does a task of a migration. */
export const migrationTask =
  <I extends MigrationTaskInput, R>(name: string, run: (tasks: MigrationTasks, input: I) => Promise<R>) =>
  (input: I, context: TaskContext): Promise<R> =>
    logged(name, input, async () => {
      const { migration_id: id } = input;
      const location = await stateLocation();
      try {
        const plan = await planFor(location, id);
        const [source, target] = [
          await migrationStore('source', plan.source),
          await migrationStore('target', plan.target),
        ];
        const timeLeft = (): number => context.getRemainingTimeInMillis();
        return await run(new MigrationTasks({ id, source, target, plan, location, timeLeft }), input);
      } catch (error) {
        // Step Functions says of a unit only that it has failed. What goes wrong here must not hide the reason.
        const failure: TaskFailure = { at: now(), task: name, message: (error as Error).message };
        await stateOf(location, id)
          .write(LAST_ERROR, failure)
          .catch(() => {});
        throw error;
      }
    });
