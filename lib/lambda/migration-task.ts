import { Migration } from '../migration/migration.ts';
import type { MigrationPhases } from '../migration/phases.ts';
import { readPlan, stateOf } from '../migration/plan.ts';
import type { MigrationReport } from '../migration/report.ts';
import { deployedConfig, migrationStore, stateLocation } from './deployed-stores.ts';
import { type Next, type NextInput, nextOf, noting, type UnitInput, workOn } from './long-work.ts';
import { logged, type TaskContext } from './task-log.ts';

/** What every task of a migration is called with: ids only, never data. */
export interface MigrationInput {
  readonly migration_id: string;
}

/** A Lambda handler that does a task of a migration. */
const migrationTask =
  <I extends MigrationInput, R>(
    name: string,
    run: (migration: Migration, input: I, context: TaskContext) => Promise<R>,
  ) =>
  (input: I, context: TaskContext): Promise<R> =>
    logged(name, input, async () => {
      const { migration_id: id } = input;
      const states = await stateLocation();
      const state = stateOf(states, id);
      return noting(state, name, async () => {
        const plan = await readPlan(states, id);
        const { region, endpoint } = (await deployedConfig()).config.backup;
        const migration = new Migration({
          id,
          source: await migrationStore('source', plan.source),
          target: await migrationStore('target', plan.target),
          settings: plan.settings,
          state,
          remote: true,
          location: { region, endpoint },
        });
        return run(migration, input, context);
      });
    });

/** The handler that says what is next. */
export const nextOfMigration = migrationTask(
  'next',
  async (
    migration,
    { redrive_count: attempt }: MigrationInput & NextInput,
  ): Promise<Next<Pick<MigrationReport, 'outcome'>>> =>
    nextOf(async () => {
      const { outcome } = await migration.run({ attempt });
      return { outcome };
    }),
);

/** The handler that works on units of a phase. */
export const unitOfMigration = (phase: keyof MigrationPhases) =>
  migrationTask(phase, async (migration, input: MigrationInput & UnitInput, context) =>
    workOn(await migration.steps(), phase, input, context),
  );
