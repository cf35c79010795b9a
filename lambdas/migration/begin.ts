/** The first task: keeps the plan where a schedule has ordered the migration, checks both stores and divides the work. */

import { migrationStore, stateLocation } from '../../lib/lambda/deployed-stores.ts';
import { plannedOnce } from '../../lib/lambda/migration-plans.ts';
import type { MigrationTaskInput } from '../../lib/lambda/migration-task.ts';
import { logged, type TaskContext } from '../../lib/lambda/task-log.ts';
import { MigrationTasks, type TaskOrders } from '../../lib/migration/migration-tasks.ts';
import type { MigrationOrder } from '../../lib/migration/order.ts';

interface Input extends MigrationTaskInput {
  /** Where nobody has written a plan before. */
  readonly order?: MigrationOrder;
}

export const handler = (input: Input, context: TaskContext): Promise<TaskOrders> =>
  logged('begin', input, async () => {
    const { migration_id: id, order } = input;
    const location = await stateLocation();
    const plan = await plannedOnce(location, id, order);
    const [source, target] = [await migrationStore('source', plan.source), await migrationStore('target', plan.target)];
    const timeLeft = (): number => context.getRemainingTimeInMillis();
    return new MigrationTasks({ id, source, target, plan, location, timeLeft }).begin();
  });
