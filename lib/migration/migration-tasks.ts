/**
 * A migration as tasks that run in processes of their own, each for a limited time: what AWS Step Functions orders. The
 * steps are those of `Migration`. A task of a unit says whether it is done, and is called again until it is; every task may
 * be repeated.
 */
import type { BackupLocation } from '../backup/backup-location.ts';
import { resultOf, runUnit, type UnitProgress, type UnitWork } from '../backup/run-unit.ts';
import { type TaskState, type Unit, unitName, unitsOf } from '../backup/task-state.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import { now } from '../model/timestamps.ts';
import {
  COMPARED_PAGE,
  type Compared,
  type Difference,
  type DifferenceKind,
  entitiesIn,
  extrasOf,
  unlikeOf,
} from '../transfer/compare-contents.ts';
import { ContentDigest, type DigestData } from '../transfer/content-digest.ts';
import type { Unfit } from '../transfer/fitting.ts';
import { type CopiedBatch, type Copying, copyBatch, copyingOf } from './copy-segment.ts';
import {
  type CollectionReport,
  differencesIn,
  MAX_NAMED,
  type MigrationReport,
  type Preflight,
  type Validation,
} from './migration-report.ts';
import { type PlannedMigration, stateOf } from './planned-migration.ts';
import { requireFitting, requireReadable, requireWritable } from './preflight.ts';
import { removeCopied } from './remove-copied.ts';
import type { MigrationStore } from './stores.ts';
import { deleteExtras, MAX_REPAIRS, repairUnlike } from './validate-contents.ts';

/** Which store a unit reads. */
export type Side = 'source' | 'target';
const sides: readonly Side[] = ['source', 'target'];

/** What the orchestration has to decide by. */
export interface TaskOrders {
  readonly units: { readonly [C in CollectionName]: readonly Unit[] };
  /** Both stores' units, for the comparison. */
  readonly compared: readonly (Unit & { readonly side: Side })[];
  readonly backup: boolean;
  readonly validate: boolean;
  readonly cleanup: boolean;
  /** What the last comparison has come to; a migration that is done again from its beginning may have had one. */
  readonly comparison: ComparisonOutcome;
}

interface Checked {
  readonly total: number;
  readonly bytes: number;
  readonly unfitTotal: number;
  readonly unfit: readonly Unfit[];
}

interface Repaired {
  readonly differences: Readonly<Record<DifferenceKind, number>>;
  readonly listed: readonly Difference[];
  readonly repaired: number;
}

/** What `comparison.json` holds: the state of the comparison after its last pass. */
interface Comparison {
  readonly pass: number;
  /** The pass that this comparison began with: one that was interrupted begins anew, with a number of its own. */
  readonly first: number;
  readonly counts: Readonly<Record<CollectionName, number>>;
  readonly differing: Readonly<Record<CollectionName, readonly number[]>>;
  /** Entities that passes before have mended. */
  readonly repaired: number;
  readonly outcome: ComparisonOutcome;
}

/** Whether more passes are of no use, and whether both sides hold the same. */
interface ComparisonOutcome {
  readonly settled: boolean;
  readonly clean: boolean;
}

const NO_DIFFERENCES: Repaired['differences'] = { missing: 0, different: 0, newer: 0, extra: 0 };
/** Differences that one unit names; a report names a thousand in all. */
const NAMED_BY_UNIT = 100;

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

export class MigrationTasks {
  readonly #parts: MigrationTasksParts;
  readonly #copying: Copying;
  readonly #state: TaskState;

  constructor(parts: MigrationTasksParts) {
    this.#parts = parts;
    const { source, target, plan } = parts;
    this.#copying = copyingOf({ source, target, settings: plan.settings });
    this.#state = stateOf(parts.location, parts.id);
  }

  /** Checks both connections and divides the work. @throws MigrationError */
  async begin(): Promise<TaskOrders> {
    const { source, target, plan } = this.#parts;
    await requireReadable(source);
    // The target of a migration that has begun to copy is not empty.
    if ((await this.#state.read('checked')) === undefined) await requireWritable(target, plan.settings.merge);
    const { createBackup, validate, cleanupSource } = plan.settings;
    const comparison = await this.#restartComparison();
    const [templates, requests, machines] = collectionNames.map((name) => this.#unitsOf('source', name)) as [
      Unit[],
      Unit[],
      Unit[],
    ];
    return {
      units: { templates, requests, machines },
      compared: sides.flatMap((side) =>
        collectionNames.flatMap((name) => this.#unitsOf(side, name).map((unit) => ({ ...unit, side }))),
      ),
      backup: createBackup,
      // One that has settled stays: after the cleanup has begun, the source lacks what the target has.
      validate: validate && !comparison.settled,
      cleanup: cleanupSource,
      comparison,
    };
  }

  /** Looks at the entities of a unit: how many, how large, and which the target cannot hold. */
  async checkUnit(unit: Unit): Promise<{ done: boolean }> {
    const { source, fitting } = this.#copying;
    return this.#run<Checked, Checked>({
      phase: 'check',
      unit,
      scanner: source,
      limit: COMPARED_PAGE,
      workers: 1,
      nothing: { total: 0, bytes: 0, unfitTotal: 0, unfit: [] },
      work: async (items) => {
        const { entities, unfit } = await fitting.fitPage(unit.collection, items);
        const bytes = entities.reduce((sum, entity) => sum + canonicalJson(entity).length, 0);
        return { total: items.length, bytes, unfitTotal: unfit.length, unfit: unfit.slice(0, NAMED_BY_UNIT) };
      },
      sum: (result, page) => ({
        total: result.total + page.total,
        bytes: result.bytes + page.bytes,
        unfitTotal: result.unfitTotal + page.unfitTotal,
        unfit: [...result.unfit, ...page.unfit].slice(0, NAMED_BY_UNIT),
      }),
    });
  }

  /** Decides whether the copy may begin. @throws MigrationError naming what does not fit */
  async judge(): Promise<void> {
    const preflight = await this.#preflight();
    if (this.#parts.plan.settings.onInvalid === 'fail') requireFitting(preflight, this.#parts.target);
    await this.#state.write('checked', preflight);
  }

  /** Copies a unit. */
  async copyUnit(unit: Unit): Promise<{ done: boolean }> {
    const { batchSize, parallelWorkers } = this.#parts.plan.settings;
    return this.#run<CopiedBatch, CopiedBatch>({
      phase: 'copy',
      unit,
      scanner: this.#copying.source,
      limit: batchSize,
      workers: parallelWorkers,
      nothing: { read: 0, copied: 0, skipped: 0 },
      work: (items) => copyBatch(this.#copying, unit.collection, items),
      sum: (result, batch) => ({
        read: result.read + batch.read,
        copied: result.copied + batch.copied,
        skipped: result.skipped + batch.skipped,
      }),
    });
  }

  /** Adds up what a unit of a side holds. */
  async digestUnit({ side, ...unit }: Unit & { side: Side }): Promise<{ done: boolean }> {
    const { fitting } = this.#copying;
    const pass = await this.#pass();
    return this.#run<DigestData, DigestData>({
      phase: `digest-${pass}-${side}`,
      unit,
      scanner: this.#copying[side],
      limit: COMPARED_PAGE,
      workers: 1,
      nothing: new ContentDigest().toJSON(),
      work: async (items) => {
        const digest = new ContentDigest();
        const entities = side === 'target' ? items : (await fitting.fitPage(unit.collection, items)).entities;
        for (const entity of entities) digest.add(unit.collection, entity);
        return digest.toJSON();
      },
      sum: (result, page) => merged([result, page]).toJSON(),
    });
  }

  /** Compares what both sides hold, once all digests of a pass are there. Asked again before, it says the same. */
  async compare(): Promise<ComparisonOutcome> {
    const before = await this.#comparison();
    const [pass, first] = [before?.pass ?? 0, before?.first ?? 0];
    if (before !== undefined && !(await this.#hasDigests(pass))) return before.outcome;
    const differing: Partial<Record<CollectionName, readonly number[]>> = {};
    const counts: Partial<Record<CollectionName, number>> = {};
    for (const collection of collectionNames) {
      const [wanted, found] = [
        await this.#digest('source', collection, pass),
        await this.#digest('target', collection, pass),
      ];
      differing[collection] = [...wanted.differingBuckets(found)];
      counts[collection] = found.count;
    }
    const lastRepair = pass === first ? undefined : await this.#repairs(pass);
    const clean = collectionNames.every((name) => differing[name]?.length === 0);
    const comparison: Comparison = {
      pass: pass + 1,
      first,
      counts: counts as Comparison['counts'],
      differing: differing as Comparison['differing'],
      repaired: (before?.repaired ?? 0) + (lastRepair?.repaired ?? 0),
      // What a pass could not mend, the next one cannot either.
      outcome: { clean, settled: clean || lastRepair?.repaired === 0 || pass - first >= MAX_REPAIRS },
    };
    await this.#state.write('comparison', comparison);
    return comparison.outcome;
  }

  /** Goes through a unit's entities in the buckets that differ, and mends what it may. */
  async repairUnit({ side, ...unit }: Unit & { side: Side }): Promise<{ done: boolean }> {
    const { merge, deleteExtra } = this.#parts.plan.settings;
    const { pass = 0, differing } = (await this.#comparison()) ?? {};
    const { collection } = unit;
    const buckets = new Set(differing?.[collection]);
    const mend = async (page: readonly Compared[]): Promise<number> => {
      if (page.length === 0) return 0;
      if (side === 'source') return repairUnlike(this.#copying, collection, page, merge);
      return deleteExtra ? deleteExtras(this.#copying.target, collection, page) : 0;
    };
    return this.#run<Repaired, Repaired>({
      phase: `repair-${pass}-${side}`,
      unit,
      scanner: this.#copying[side],
      limit: COMPARED_PAGE,
      workers: 1,
      nothing: { differences: NO_DIFFERENCES, listed: [], repaired: 0 },
      work: async (items) => {
        const suspects = entitiesIn(buckets, collection, items);
        const find = side === 'source' ? unlikeOf : extrasOf;
        const page = suspects.length === 0 ? [] : await find(collection, suspects, this.#copying);
        const differences = { ...NO_DIFFERENCES };
        for (const { difference } of page) differences[difference.kind]++;
        return { differences, listed: page.map(({ difference }) => difference), repaired: await mend(page) };
      },
      sum: added,
    });
  }

  /** Deletes from the source what the target holds in the same form. */
  async cleanUpUnit(unit: Unit): Promise<{ done: boolean }> {
    return this.#run<number, number>({
      phase: 'cleanup',
      unit,
      scanner: this.#copying.source,
      limit: COMPARED_PAGE,
      workers: 1,
      nothing: 0,
      work: (items) => removeCopied(this.#copying, unit.collection, items),
      sum: (result, page) => result + page,
    });
  }

  /** Writes what has come of it all. */
  async report(): Promise<MigrationReport> {
    const { id, plan } = this.#parts;
    const validation = plan.settings.validate ? await this.#validation() : undefined;
    const clean = validation === undefined || differencesIn(validation) === 0;
    const removed = plan.settings.cleanupSource && clean ? await this.#sum<number>('cleanup') : undefined;
    const report: MigrationReport = {
      id,
      outcome: clean ? 'succeeded' : 'differences',
      source: plan.source.place,
      target: plan.target.place,
      startedAt: plan.started_at,
      finishedAt: now(),
      collections: await this.#copied(),
      // It has the id of the migration.
      ...(plan.settings.createBackup && { backup: id }),
      ...(validation !== undefined && { validation }),
      ...(removed !== undefined && { removed: removed.reduce((sum, count) => sum + count, 0) }),
    };
    await this.#state.write('report', report);
    return report;
  }

  #unitsOf(side: Side, collection: CollectionName): Unit[] {
    const { plan } = this.#parts;
    return unitsOf(this.#parts[side].repository.capabilities, collection, plan.settings.parallelWorkers);
  }

  #run<P, R>(work: Omit<UnitWork<P, R>, 'timeLeft'>): Promise<{ done: boolean }> {
    return runUnit(this.#state, { ...work, timeLeft: this.#parts.timeLeft });
  }

  async #results<R>(phase: string, side: Side, collection: CollectionName): Promise<R[]> {
    return Promise.all(this.#unitsOf(side, collection).map((unit) => resultOf<R>(this.#state, phase, unit)));
  }

  async #sum<R>(phase: string): Promise<R[]> {
    return (await Promise.all(collectionNames.map((name) => this.#results<R>(phase, 'source', name)))).flat();
  }

  async #preflight(): Promise<Preflight> {
    const totals: Partial<Record<CollectionName, number>> = {};
    const unfitTotals: Partial<Record<CollectionName, number>> = {};
    const unfit: Unfit[] = [];
    let bytes = 0;
    for (const collection of collectionNames) {
      const checked = await this.#results<Checked>('check', 'source', collection);
      totals[collection] = checked.reduce((sum, { total }) => sum + total, 0);
      unfitTotals[collection] = checked.reduce((sum, { unfitTotal }) => sum + unfitTotal, 0);
      unfit.push(...checked.flatMap((each) => each.unfit).slice(0, MAX_NAMED - unfit.length));
      bytes += checked.reduce((sum, each) => sum + each.bytes, 0);
    }
    return {
      totals: totals as Preflight['totals'],
      unfitTotals: unfitTotals as Preflight['unfitTotals'],
      unfit,
      bytes,
    };
  }

  async #copied(): Promise<MigrationReport['collections']> {
    const copied = collectionNames.map(async (name): Promise<[CollectionName, CollectionReport]> => {
      const batches = await this.#results<CopiedBatch>('copy', 'source', name);
      const total = (key: keyof CopiedBatch): number => batches.reduce((sum, batch) => sum + batch[key], 0);
      return [name, { read: total('read'), copied: total('copied'), skipped: total('skipped') }];
    });
    return Object.fromEntries(await Promise.all(copied)) as MigrationReport['collections'];
  }

  async #comparison(): Promise<Comparison | undefined> {
    return this.#state.read<Comparison>('comparison');
  }

  /**
   * Begins a comparison anew that was interrupted between its passes: digests from before a repair, or repairs of which
   * some are missing, say nothing about what is there now.
   */
  async #restartComparison(): Promise<ComparisonOutcome> {
    const before = await this.#comparison();
    if (before === undefined) return { settled: false, clean: false };
    if (before.outcome.settled) return before.outcome;
    const pass = before.pass + 1;
    const repaired = before.repaired + (await this.#repairedSoFar(before.pass));
    await this.#state.write('comparison', { ...before, pass, first: pass, repaired } satisfies Comparison);
    return before.outcome;
  }

  async #repairedSoFar(pass: number): Promise<number> {
    const units = sides.flatMap((side) =>
      collectionNames.flatMap((name) =>
        this.#unitsOf(side, name).map((unit) =>
          this.#state.read<UnitProgress<Repaired>>(unitName(`repair-${pass}-${side}`, unit)),
        ),
      ),
    );
    return (await Promise.all(units)).reduce((sum, unit) => sum + (unit?.result.repaired ?? 0), 0);
  }

  async #pass(): Promise<number> {
    return (await this.#comparison())?.pass ?? 0;
  }

  async #hasDigests(pass: number): Promise<boolean> {
    const [first] = this.#unitsOf('source', 'templates') as [Unit];
    return (await this.#state.read(unitName(`digest-${pass}-source`, first))) !== undefined;
  }

  async #digest(side: Side, collection: CollectionName, pass: number): Promise<ContentDigest> {
    return merged(await this.#results<DigestData>(`digest-${pass}-${side}`, side, collection));
  }

  /** What the repairs of a pass have found and done. */
  async #repairs(pass: number): Promise<Repaired> {
    const both = sides.flatMap((side) =>
      collectionNames.map((name) => this.#results<Repaired>(`repair-${pass}-${side}`, side, name)),
    );
    const results = (await Promise.all(both)).flat();
    return results.reduce(added, { differences: NO_DIFFERENCES, listed: [], repaired: 0 });
  }

  /** The outcome of the last comparison; undefined where there was none. */
  async #validation(): Promise<Validation | undefined> {
    const comparison = await this.#comparison();
    if (comparison === undefined) return undefined;
    const same = collectionNames.every((name) => comparison.differing[name].length === 0);
    // Where the last comparison found differences, the repair before it has named those that it could not mend.
    const { differences, listed } = same
      ? { differences: NO_DIFFERENCES, listed: [] }
      : await this.#repairs(comparison.pass - 1);
    return { ...comparison.counts, repaired: comparison.repaired, differences, listed: listed.slice(0, MAX_NAMED) };
  }
}

function merged(parts: readonly DigestData[]): ContentDigest {
  const whole = new ContentDigest();
  for (const part of parts) whole.merge(new ContentDigest(part));
  return whole;
}

function added(a: Repaired, b: Repaired): Repaired {
  const sum = (kind: DifferenceKind): number => a.differences[kind] + b.differences[kind];
  return {
    differences: { missing: sum('missing'), different: sum('different'), newer: sum('newer'), extra: sum('extra') },
    listed: [...a.listed, ...b.listed].slice(0, MAX_NAMED),
    repaired: a.repaired + b.repaired,
  };
}
