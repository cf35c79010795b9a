/** What the state of a migration says to those who follow it. */
import { type CollectionName, collectionNames } from '../model/collections.ts';
import type { Location } from '../objects/location.ts';
import type { UnitProgress } from '../transfer/run-unit.ts';
import type { WorkState } from '../transfer/work-state.ts';
import type { CopiedBatch } from './copying.ts';
import { findPlan, type MigrationPlan, stateOf } from './plan.ts';
import type { MigrationReport, Preflight } from './report.ts';

/** Why a migration failed last: the object `failure`. */
export interface Failure {
  readonly at: string;
  readonly message: string;
  /** How often its execution had been redriven, on AWS. */
  readonly redrive_count?: number;
  /** Whether it continues since. */
  readonly resumed?: boolean;
}

export interface CollectionProgress extends CopiedBatch {
  /** Entities that the source had when it was checked. */
  readonly total?: number;
}

export interface MigrationProgressRecord {
  readonly collections: Readonly<Record<CollectionName, CollectionProgress>>;
  /** Whether the source was checked, so that entities may have been copied. */
  readonly isCopying: boolean;
  /** When progress was stored last; undefined if nothing was copied. */
  readonly at?: string | undefined;
}

export interface MigrationRecord extends MigrationProgressRecord {
  readonly plan: MigrationPlan;
  readonly report?: MigrationReport | undefined;
  readonly failure?: Failure | undefined;
  /** Whether a process has begun with it: it waits for its turn otherwise. */
  readonly isBegun: boolean;
}

/** @returns undefined if there is no such migration */
export async function readRecord(states: Location, id: string): Promise<MigrationRecord | undefined> {
  const plan = await findPlan(states, id);
  if (plan === undefined) return undefined;
  const state = stateOf(states, id);
  const [report, failure, runs] = await Promise.all([
    state.read<{ readonly result: MigrationReport }>('report'),
    state.read<Failure>('failure'),
    state.read('runs'),
  ]);
  const ended = report?.result;
  const progress =
    ended === undefined
      ? await progressOf(state, plan)
      : { collections: ended.collections, isCopying: true, at: ended.finishedAt };
  return { plan, report: ended, failure, isBegun: runs !== undefined, ...progress };
}

/** How far a migration is. */
export async function readProgress(states: Location, id: string): Promise<MigrationProgressRecord | undefined> {
  const plan = await findPlan(states, id);
  return plan && progressOf(stateOf(states, id), plan);
}

async function progressOf(state: WorkState, { settings }: MigrationPlan): Promise<MigrationProgressRecord> {
  const checked = (await state.read<{ readonly result: Preflight }>('check/result'))?.result;
  const isCopying = (await state.read('approved')) !== undefined;
  let at: string | undefined;
  const collected = collectionNames.map(async (name): Promise<[CollectionName, CollectionProgress]> => {
    const units = Array.from({ length: settings.parallel_workers }, (_, segment) =>
      state.read<UnitProgress<CopiedBatch>>(`copy-${name}/${name}-${segment}`),
    );
    const counts = { read: 0, copied: 0, skipped: 0 };
    for (const unit of await Promise.all(units)) {
      if (unit === undefined) continue;
      if (at === undefined || unit.at > at) ({ at } = unit);
      for (const key of ['read', 'copied', 'skipped'] as const) counts[key] += unit.result[key];
    }
    return [name, checked === undefined ? counts : { ...counts, total: checked.totals[name] }];
  });
  const collections = Object.fromEntries(await Promise.all(collected)) as MigrationProgressRecord['collections'];
  return { collections, isCopying, at };
}
