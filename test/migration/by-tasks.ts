/** A migration by the tasks of the state machine, called one after the other as its definition orders them. */
import { join } from 'node:path';
import { openLocation } from '../../lib/backup/open-location.ts';
import { type MigrateOptions, newMigrationId, planOf } from '../../lib/migration/migrate-repository.ts';
import type { MigrationReport } from '../../lib/migration/migration-report.ts';
import { MigrationTasks } from '../../lib/migration/migration-tasks.ts';
import { openStore, storageOf } from '../../lib/migration/stores.ts';
import { collectionNames } from '../../lib/model/collections.ts';
import { now } from '../../lib/model/timestamps.ts';

async function untilDone(task: () => Promise<{ done: boolean }>): Promise<void> {
  while (!(await task()).done);
}

/** Opens both stores, does every task, and closes them. */
export async function migrateByTasks(
  options: MigrateOptions,
): Promise<{ readonly report: MigrationReport; readonly cleanedUp: boolean }> {
  const { source, target, config } = options;
  await using stack = new AsyncDisposableStack();
  const from = await openStore('source', storageOf(source.config, source.type, '--source-config'));
  stack.use(from.repository);
  const to = await openStore('target', storageOf(target.config, target.type, '--target-config'));
  stack.use(to.repository);
  const id = newMigrationId();
  const tasks = new MigrationTasks({
    id,
    source: from,
    target: to,
    plan: { ...planOf(options, 'server'), id, started_at: now() },
    location: await openLocation(join(config.migration.state_location, 'tasks'), {}),
    timeLeft: () => Number.POSITIVE_INFINITY,
  });
  const { units, compared, cleanup } = await tasks.begin();
  for (const name of collectionNames) for (const unit of units[name]) await untilDone(() => tasks.checkUnit(unit));
  await tasks.approve();
  for (const name of collectionNames) for (const unit of units[name]) await untilDone(() => tasks.copyUnit(unit));
  const digest = async () => {
    for (const unit of compared) await untilDone(() => tasks.comparison.digestUnit(unit));
    return tasks.comparison.compare();
  };
  let outcome = await digest();
  while (!outcome.settled) {
    for (const unit of compared) await untilDone(() => tasks.comparison.repairUnit(unit));
    outcome = await digest();
  }
  const cleanedUp = cleanup && outcome.clean;
  if (cleanedUp) {
    for (const name of collectionNames.toReversed()) {
      for (const unit of units[name]) await untilDone(() => tasks.cleanUpUnit(unit));
    }
  }
  return { report: await tasks.report(), cleanedUp };
}
