/** A migration by the tasks of the state machine, each as in a process of its own. */
import { nextOf, workOn } from '../../lib/lambda/long-work.ts';
import type { MigrateOptions } from '../../lib/migration/migrate-repository.ts';
import { Migration } from '../../lib/migration/migration.ts';
import { createPlan, newMigrationId, openStates, planOf, stateOf } from '../../lib/migration/plan.ts';
import type { MigrationReport } from '../../lib/migration/report.ts';
import { openStore, storageOf } from '../../lib/migration/stores.ts';

const context = { getRemainingTimeInMillis: () => Number.POSITIVE_INFINITY };

/** Opens both stores, does every task, and closes them. */
export async function migrateByTasks(options: MigrateOptions): Promise<MigrationReport> {
  const { source: from, target: to, config } = options;
  await using stack = new AsyncDisposableStack();
  const source = await openStore('source', storageOf(from.config, from.type, '--source-config'));
  stack.use(source.repository);
  const target = await openStore('target', storageOf(to.config, to.type, '--target-config'));
  stack.use(target.repository);
  const id = newMigrationId();
  const plan = planOf(options, id, 'server');
  const states = await openStates(config);
  await createPlan(states, plan);
  const newTask = () =>
    new Migration({ id, source, target, settings: plan.settings, state: stateOf(states, id), remote: true });
  for (;;) {
    const next = await nextOf(() => newTask().run({ attempt: 0 }));
    if ('result' in next) return next.result;
    const { phase, key, units } = next;
    for (const unit of units) {
      const steps = await newTask().steps();
      while (!(await workOn(steps, phase as keyof typeof steps.phases, { key, unit }, context)).done);
    }
  }
}
