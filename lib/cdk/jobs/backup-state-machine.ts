import { backupStates } from './backup-states.ts';
import { type Definition, task } from './states.ts';
import type { TakingTask } from './task-permissions.ts';

/** Units of a store that are read at the same time; the tasks divide each collection into as many. */
const CONCURRENCY = 4;
const DAY_SECONDS = 86_400;

/**
 * Takes a backup, and removes those that the retention does not keep. Input: `{ "backup_id" }`. An execution that has failed
 * can be redriven: units that are done stay done.
 */
export const backupDefinition = (functions: Readonly<Record<TakingTask | 'prune', string>>): Definition => ({
  Comment: 'Takes a portable backup of the store, and removes those that the retention does not keep.',
  StartAt: 'BeginBackup',
  TimeoutSeconds: DAY_SECONDS,
  States: {
    ...backupStates({
      functions,
      common: { 'backup_id.$': '$.backup_id' },
      concurrency: CONCURRENCY,
      next: 'Prune',
    }),
    Prune: task({ resource: functions.prune, parameters: {}, result: '$.pruned', next: 'Done' }),
    Done: { Type: 'Succeed' },
  },
});
