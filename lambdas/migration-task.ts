import { MigrationTasks } from '../lib/migration/migration-tasks.ts';
import { planFor } from '../lib/migration/planned-migration.ts';
import { migrationStore, stateLocation } from './deployed-stores.ts';
import { logged, type TaskContext } from './task-log.ts';

/** What every task of a migration is called with: ids only, never data. */
export interface MigrationTaskInput {
  readonly migration_id: string;
}

/** A Lambda handler that does a task of a migration. */
export const migrationTask =
  <I extends MigrationTaskInput, R>(name: string, run: (tasks: MigrationTasks, input: I) => Promise<R>) =>
  (input: I, context: TaskContext): Promise<R> =>
    logged(name, input, async () => {
      const location = await stateLocation();
      const plan = await planFor(location, input.migration_id);
      const [source, target] = [
        await migrationStore('source', plan.source),
        await migrationStore('target', plan.target),
      ];
      const timeLeft = (): number => context.getRemainingTimeInMillis();
      return run(new MigrationTasks({ id: input.migration_id, source, target, plan, location, timeLeft }), input);
    });
