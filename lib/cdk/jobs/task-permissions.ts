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
  /** Whether it asks which executions run. The same holds for such a task. */
  readonly followsExecutions?: true;
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
/** What waits for its turn removes itself from the queue, and the turn before its own. */
const turn = { objects: { state: 'write and remove' }, followsExecutions: true } as const;
const failure = { objects: progress, notifies: true } as const;

/** By the names of the files in `lambdas/migration`. */
export const migrationNeeds = {
  'take-turn': turn,
  // Also writes the manifest of the backup, once its parts are there; what was left of one before it removes.
  next: {
    source: read(healthReads, tables(['templates'], 'Scan')),
    target: write(healthReads, scans, tables(['machines'], 'DeleteItem')),
    objects: { state: 'write', migrationBackups: 'write and remove' },
  },
  check: { source: read(scans, parentReads), target: opened, objects: progress },
  'back-up': { source: read(scans), target: opened, objects: { state: 'write', migrationBackups: 'add' } },
  'back-up-moment': { source: read(), target: opened, objects: { state: 'write', migrationBackups: 'add' } },
  copy: { source: read(scans, parentReads), target: write(tables(everything, 'PutItem')), objects: progress },
  digest: { source: read(scans, parentReads), target: read(scans), objects: progress },
  examine: {
    source: read(scans, gets),
    target: write(scans, gets, tables(everything, 'PutItem'), ...deletions),
    objects: progress,
  },
  'clean-up': { source: write(scans, gets, ...deletions), target: read(gets), objects: progress },
  announce: { objects: { state: 'read' }, notifies: true },
  'report-failure': failure,
} as const satisfies Record<string, TaskNeeds>;

/** By the names of the files in `lambdas/backup`. */
export const backupNeeds = {
  'take-turn': turn,
  next: { source: opened, objects: { state: 'write and remove', backups: 'write and remove' } },
  'back-up': { source: read(scans), objects: { state: 'write', backups: 'add' } },
  'back-up-moment': { source: read(), objects: { state: 'write', backups: 'add' } },
  'report-failure': failure,
  prune: { objects: { backups: 'read and remove' } },
  'measure-age': { objects: { backups: 'read' } },
  'test-restore': { objects: { backups: 'read' } },
} as const satisfies Record<string, TaskNeeds>;
