import { choice, eachUnit, is, type State, type States, task } from './states.ts';
import type { TakingTask } from './task-permissions.ts';

export interface BackupStatesOptions {
  /** ARNs of the functions. */
  readonly functions: Readonly<Record<TakingTask, string>>;
  /** What every task is called with. */
  readonly common: State;
  readonly concurrency: number;
  readonly next: string;
  readonly failed?: string;
}

/** The states that take a backup, from `BeginBackup` on. A store that shows one moment is backed up by one task. */
export const backupStates = ({ functions, common, concurrency, next, failed }: BackupStatesOptions): States => ({
  BeginBackup: task({
    resource: functions.begin,
    parameters: common,
    result: '$.backup',
    next: 'ChooseKindOfBackup',
    failed,
  }),
  ChooseKindOfBackup: choice(
    [
      // Taken before the execution was redriven.
      [is('$.backup.done'), next],
      [is('$.backup.whole'), 'TakeWholeBackup'],
    ],
    'BackUp',
  ),
  TakeWholeBackup: task({ resource: functions['take-whole'], parameters: common, next, failed }),
  ...eachUnit({
    name: 'BackUp',
    resource: functions['back-up-unit'],
    units: '$.backup.units',
    common,
    concurrency,
    next: 'FinishBackup',
    failed,
  }),
  FinishBackup: task({ resource: functions.finish, parameters: common, next, failed }),
});
