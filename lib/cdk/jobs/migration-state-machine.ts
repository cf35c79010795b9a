import { type CollectionName, collectionNames } from '../../model/collections.ts';
import { backupStates } from './backup-states.ts';
import { choice, type Definition, eachUnit, is, type States, task } from './states.ts';
import type { migrationNeeds, TakingTask } from './task-permissions.ts';

/** Tasks of a migration, by the names of their files. */
export type MigrationTaskName = keyof typeof migrationNeeds;

const WEEK_SECONDS = 604_800;
const COMMON = { 'migration_id.$': '$.migration_id' };

const inPascalCase = (name: string): string => name.replace(/^./, (letter) => letter.toUpperCase());

export interface MigrationDefinitionOptions {
  /** ARNs of the functions. */
  readonly tasks: Readonly<Record<MigrationTaskName, string>>;
  readonly backupTasks: Readonly<Record<TakingTask, string>>;
  /** Units that are worked on at the same time. */
  readonly concurrency: number;
}

/**
 * Migrates. Input: `{ "migration_id", "order"? }`; what is to be done is in S3 already, or in `order`. The state between
 * tasks holds ids and numbers of segments, never data.
 *
 * Every failure ends in ReportFailure, which keeps the reason and fails itself. A Fail state in its place could be redriven
 * only to fail again, and a state that failed right where it is would be repeated without those before it. Redriven, the
 * execution goes on in ReportFailure, which sees that it was, and leads back to Begin: there every unit goes on from its own
 * checkpoint, and those that are done end at once.
 */
export function migrationDefinition({ tasks, backupTasks, concurrency }: MigrationDefinitionOptions): Definition {
  const failed = 'ReportFailure';
  const simple = (name: MigrationTaskName, next: string, result?: string) =>
    task({ resource: tasks[name], parameters: COMMON, next, failed, ...(result !== undefined && { result }) });

  /** One Map for each collection, in an order that references allow. */
  const byCollection = (
    name: string,
    taskName: MigrationTaskName,
    collections: readonly CollectionName[],
    next: string,
  ): States =>
    Object.assign(
      {},
      ...collections.map((collection, i) => {
        const following = collections[i + 1];
        return eachUnit({
          name: `${name}${inPascalCase(collection)}`,
          resource: tasks[taskName],
          units: `$.orders.units.${collection}`,
          common: COMMON,
          concurrency,
          next: following === undefined ? next : `${name}${inPascalCase(following)}`,
          failed,
        });
      }),
    );

  const ofBothStores = (name: string, taskName: MigrationTaskName, next: string): States =>
    eachUnit({
      name,
      resource: tasks[taskName],
      units: '$.orders.compared',
      common: COMMON,
      concurrency,
      next,
      failed,
    });

  return {
    Comment: 'Copies all entities of one store to another, compares both and mends what differs.',
    StartAt: 'Begin',
    TimeoutSeconds: WEEK_SECONDS,
    States: {
      Begin: task({ resource: tasks.begin, result: '$.orders', next: 'CheckTemplates', failed }),
      ...byCollection('Check', 'check-unit', collectionNames, 'Approve'),
      Approve: simple('approve', 'IsBackupWanted'),
      IsBackupWanted: choice([[is('$.orders.backup'), 'BeginBackup']], 'CopyTemplates'),
      ...backupStates({
        functions: backupTasks,
        common: { ...COMMON, 'backup_id.$': '$.migration_id' },
        concurrency,
        next: 'CopyTemplates',
        failed,
      }),
      ...byCollection('Copy', 'copy-unit', collectionNames, 'IsComparisonWanted'),
      IsComparisonWanted: choice([[is('$.orders.validate'), 'Digest']], 'IsCleanupWanted'),
      ...ofBothStores('Digest', 'digest-unit', 'Compare'),
      Compare: simple('compare', 'HasSettled', '$.orders.comparison'),
      HasSettled: choice([[is('$.orders.comparison.settled'), 'IsCleanupWanted']], 'Repair'),
      ...ofBothStores('Repair', 'repair-unit', 'Digest'),
      IsCleanupWanted: choice(
        [[{ And: [is('$.orders.cleanup'), is('$.orders.comparison.clean')] }, 'CleanUpMachines']],
        'Report',
      ),
      // Children before their parents, which else were still referred to.
      ...byCollection('CleanUp', 'clean-up-unit', collectionNames.toReversed(), 'Report'),
      Report: simple('report', 'Announce'),
      Announce: simple('announce', 'Done', '$.outcome'),
      Done: { Type: 'Succeed', OutputPath: '$.outcome' },
      ReportFailure: task({
        resource: tasks['report-failure'],
        parameters: {
          ...COMMON,
          'error.$': '$.error',
          'redrive_count.$': '$$.Execution.RedriveCount',
        },
        next: 'Begin',
      }),
    },
  };
}
