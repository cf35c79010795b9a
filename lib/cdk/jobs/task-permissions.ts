/** What each task of migrations and backups does with stores and with the bucket of backups, and so what its function may do. */
import type { PrefixAccess } from '../data/backup-bucket.ts';
import type { PREFIXES } from '../environment/placeholders.ts';
import {
  childLookups,
  everything,
  healthReads,
  parents,
  type StoreNeeds,
  type TableNeed,
  tables,
} from '../functions/store-permissions.ts';

export interface TaskNeeds {
  /** The store that is read, where the task opens it. */
  readonly source?: StoreNeeds;
  /** The store that is written, where the task opens it. */
  readonly target?: StoreNeeds;
  readonly objects: { readonly [P in keyof typeof PREFIXES]?: PrefixAccess };
  /** Whether it tells the operators. Such a task opens no store: from the network of a store there may be no way to SNS. */
  readonly notifies?: true;
}

const read = (...dynamodb: TableNeed[]): StoreNeeds => ({ access: 'read', dynamodb });
const write = (...dynamodb: TableNeed[]): StoreNeeds => ({ access: 'write', dynamodb });

const scans = tables(everything, 'Scan');
const gets = tables(everything, 'BatchGetItem', 'GetItem');
/** Parents decide whether their children fit, and give fields that children lack. */
const parentReads = tables(parents, 'BatchGetItem', 'GetItem');
/** Those that nothing refers to. */
const deletions = [tables(everything, 'DeleteItem'), ...childLookups];
/** Opened, to know what the store can do. */
const opened: StoreNeeds = { access: 'open', dynamodb: [] };
const progress = { state: 'write' } as const;

/** By the names of the files in `lambdas/migration`. */
export const migrationNeeds = {
  begin: {
    source: read(healthReads, tables(['templates'], 'Scan')),
    target: write(healthReads, scans, tables(['machines'], 'DeleteItem')),
    objects: progress,
  },
  'check-unit': { source: read(scans, parentReads), target: opened, objects: progress },
  approve: { source: opened, target: opened, objects: progress },
  'copy-unit': { source: read(scans, parentReads), target: write(tables(everything, 'PutItem')), objects: progress },
  'digest-unit': { source: read(scans, parentReads), target: read(scans), objects: progress },
  compare: { source: opened, target: opened, objects: progress },
  'repair-unit': {
    source: read(scans, gets),
    target: write(scans, gets, tables(everything, 'PutItem'), ...deletions),
    objects: progress,
  },
  'clean-up-unit': { source: write(scans, gets, ...deletions), target: read(gets), objects: progress },
  report: { source: opened, target: opened, objects: progress },
  announce: { objects: { state: 'read' }, notifies: true },
  'report-failure': { objects: progress, notifies: true },
} as const satisfies Record<string, TaskNeeds>;

/** By the names of the files in `lambdas/backup`; those that take a backup also take that of a migration's source. */
const takingNeeds = {
  begin: { source: opened, objects: { state: 'write', backups: 'read' } },
  // What it could not finish it removes.
  'take-whole': { source: read(), objects: { backups: 'write and remove' } },
  'back-up-unit': { source: read(scans), objects: { state: 'write', backups: 'add' } },
  finish: { source: opened, objects: { state: 'read and remove', backups: 'write' } },
} as const satisfies Record<string, TaskNeeds>;

export type TakingTask = keyof typeof takingNeeds;
export const takingTasks = Object.keys(takingNeeds) as readonly TakingTask[];

export const backupNeeds = {
  ...takingNeeds,
  prune: { objects: { backups: 'read and remove' } },
  'measure-age': { objects: { backups: 'read' } },
  'test-restore': { objects: { backups: 'read' } },
} as const satisfies Record<string, TaskNeeds>;

/** What a task that takes a backup needs in a migration: it reads the plan, and keeps the backup elsewhere. */
export function takingInMigration(task: TakingTask): TaskNeeds {
  const { source, objects }: TaskNeeds = takingNeeds[task];
  const { backups, state = 'read' } = objects;
  return {
    ...(source !== undefined && { source }),
    objects: { state, ...(backups !== undefined && { migrationBackups: backups }) },
  };
}
