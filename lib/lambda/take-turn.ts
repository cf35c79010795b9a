/**
 * The first tasks of executions: they store the order if a schedule has given it, and wait for their turn. They open no store,
 * so that they need not run in its network, from which there may be no way to Step Functions.
 */
import { orderBackup } from '../backup/backup-order.ts';
import { orderOf } from '../jobs/migration-order.ts';
import { StateMachineRunner } from '../jobs/state-machine-runner.ts';
import { createPlan, findPlan, planOf, readPlan } from '../migration/plan.ts';
import type { MigrationBody } from '../service/http/job-schemas.ts';
import type { BackupInput } from './backup-task.ts';
import { deployedConfig, stateLocation } from './deployed-stores.ts';
import type { MigrationInput } from './migration-task.ts';
import { logged } from './task-log.ts';

/** Whether the execution may go on; if not, it asks again. */
interface TurnTaken {
  readonly taken: boolean;
}

async function runner(): Promise<StateMachineRunner> {
  const { config } = await deployedConfig();
  return new StateMachineRunner({ states: await stateLocation(), limitOf: (kind) => config[kind].jobs_at_once });
}

export const takeTurnOfMigration = (input: MigrationInput & { readonly order?: MigrationBody }): Promise<TurnTaken> =>
  logged('take-turn', input, async () => {
    const { migration_id: id, order } = input;
    const states = await stateLocation();
    if (order !== undefined && (await findPlan(states, id)) === undefined) {
      await createPlan(states, planOf(await orderOf(await deployedConfig(), order), id, 'server'));
    }
    const { started_at } = await readPlan(states, id);
    return { taken: await (await runner()).turnsOf('migration').take(id, started_at) };
  });

export const takeTurnOfBackup = (input: BackupInput): Promise<TurnTaken> =>
  logged('take-turn', input, async () => {
    const { backup_id: id } = input;
    const { ordered_at } = await orderBackup(await stateLocation(), id);
    return { taken: await (await runner()).turnsOf('backup').take(id, ordered_at) };
  });
