import type { BackupLocation } from '../backup/backup-location.ts';
import { resultOf, runUnit, type UnitWork } from '../backup/run-unit.ts';
import { type TaskState, type Unit, unitsOf } from '../backup/task-state.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import { type Copying, copyingOf } from './copy-segment.ts';
import { type PlannedMigration, stateOf } from './planned-migration.ts';
import type { MigrationStore } from './stores.ts';

/** Which store a unit reads. */
export type Side = 'source' | 'target';
export const sides: readonly Side[] = ['source', 'target'];

/** A unit of one of the two stores. */
export type SideUnit = Unit & { readonly side: Side };

/** What every task of a migration works with. */
export interface MigrationTasksParts {
  readonly id: string;
  readonly source: MigrationStore;
  readonly target: MigrationStore;
  readonly plan: PlannedMigration;
  /** Where the tasks leave what they know. */
  readonly location: BackupLocation;
  /** Milliseconds that this process may still run. */
  readonly timeLeft: () => number;
}

/** The units of a migration: which there are, how one is run, and what those of a phase have come to. */
export class MigrationUnits {
  readonly parts: MigrationTasksParts;
  readonly copying: Copying;
  readonly state: TaskState;

  constructor(parts: MigrationTasksParts) {
    this.parts = parts;
    const { source, target, plan } = parts;
    this.copying = copyingOf({ source, target, settings: plan.settings });
    this.state = stateOf(parts.location, parts.id);
  }

  of(side: Side, collection: CollectionName): Unit[] {
    const { plan } = this.parts;
    return unitsOf(this.parts[side].repository.capabilities, collection, plan.settings.parallelWorkers);
  }

  /** Those of both stores. */
  get ofBoth(): SideUnit[] {
    return sides.flatMap((side) =>
      collectionNames.flatMap((name) => this.of(side, name).map((unit) => ({ ...unit, side }))),
    );
  }

  run<P, R>(work: Omit<UnitWork<P, R>, 'timeLeft'>): Promise<{ done: boolean }> {
    return runUnit(this.state, { ...work, timeLeft: this.parts.timeLeft });
  }

  /** What the units of a collection have come to. @throws Error where one is not done */
  results<R>(phase: string, side: Side, collection: CollectionName): Promise<R[]> {
    return Promise.all(this.of(side, collection).map((unit) => resultOf<R>(this.state, phase, unit)));
  }
}
