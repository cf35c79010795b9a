/**
 * A migration as tasks that run in processes of their own, each for a limited time: what AWS Step Functions orders. The
 * steps are those of `Migration`. A task of a unit says whether it is done, and is called again until it is; every task may
 * be repeated.
 */
import type { Unit } from '../backup/task-state.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import { now } from '../model/timestamps.ts';
import { COMPARED_PAGE } from '../transfer/compare-contents.ts';
import type { IncompatibleRecord } from '../transfer/compatibility.ts';
import { type ComparisonOutcome, ComparisonTasks } from './comparison-tasks.ts';
import { type CopiedBatch, copyBatch } from './copy-segment.ts';
import {
  type CollectionReport,
  differencesIn,
  MAX_NAMED,
  type MigrationReport,
  outcomeOf,
  type Preflight,
} from './migration-report.ts';
import { type MigrationTasksParts, MigrationUnits, type SideUnit } from './migration-units.ts';
import { requireCompatible, requireReadable, requireWritable } from './preflight.ts';
import { removeCopied } from './remove-copied.ts';

/** What the orchestration has to decide by. */
export interface TaskOrders {
  readonly units: { readonly [C in CollectionName]: readonly Unit[] };
  /** Both stores' units, for the comparison. */
  readonly compared: readonly SideUnit[];
  readonly backup: boolean;
  readonly validate: boolean;
  readonly cleanup: boolean;
  /** What the last comparison has come to; a migration that is done again from its beginning may have had one. */
  readonly comparison: ComparisonOutcome;
}

interface Checked {
  readonly total: number;
  readonly bytes: number;
  readonly incompatibleTotal: number;
  readonly incompatible: readonly IncompatibleRecord[];
}

/** Differences that one unit names; a report names a thousand in all. */
const NAMED_BY_UNIT = 100;

export class MigrationTasks {
  /** The comparison, which is a matter of its own. */
  readonly comparison: ComparisonTasks;
  readonly #units: MigrationUnits;

  constructor(parts: MigrationTasksParts) {
    this.#units = new MigrationUnits(parts);
    this.comparison = new ComparisonTasks(this.#units);
  }

  /** Checks both connections and divides the work. @throws MigrationError */
  async begin(): Promise<TaskOrders> {
    const { source, target, plan } = this.#units.parts;
    await requireReadable(source);
    // The target of a migration that has begun to copy is not empty.
    if ((await this.#units.state.read('checked')) === undefined) await requireWritable(target, plan.settings.merge);
    const { createBackup, validate, cleanupSource } = plan.settings;
    const comparison = await this.comparison.restart();
    const [templates, requests, machines] = collectionNames.map((name) => this.#units.of('source', name)) as [
      Unit[],
      Unit[],
      Unit[],
    ];
    return {
      units: { templates, requests, machines },
      compared: this.#units.ofBoth,
      backup: createBackup,
      // One that has settled stays: after the cleanup has begun, the source lacks what the target has.
      validate: validate && !comparison.settled,
      cleanup: cleanupSource,
      comparison,
    };
  }

  /** Looks at the entities of a unit: how many, how large, and which the target cannot hold. */
  async checkUnit(unit: Unit): Promise<{ done: boolean }> {
    const { source, compatibility } = this.#units.copying;
    return this.#units.run<Checked, Checked>({
      phase: 'check',
      unit,
      scanner: source,
      limit: COMPARED_PAGE,
      workers: 1,
      nothing: { total: 0, bytes: 0, incompatibleTotal: 0, incompatible: [] },
      work: async (items) => {
        const { entities, incompatible } = await compatibility.checkPage(unit.collection, items);
        const bytes = entities.reduce((sum, entity) => sum + canonicalJson(entity).length, 0);
        return {
          total: items.length,
          bytes,
          incompatibleTotal: incompatible.length,
          incompatible: incompatible.slice(0, NAMED_BY_UNIT),
        };
      },
      sum: (result, page) => ({
        total: result.total + page.total,
        bytes: result.bytes + page.bytes,
        incompatibleTotal: result.incompatibleTotal + page.incompatibleTotal,
        incompatible: [...result.incompatible, ...page.incompatible].slice(0, NAMED_BY_UNIT),
      }),
    });
  }

  /** Decides whether the copy may begin. @throws MigrationError naming what does not fit */
  async approve(): Promise<void> {
    const preflight = await this.#preflight();
    if (this.#units.parts.plan.settings.onInvalid === 'fail') requireCompatible(preflight, this.#units.parts.target);
    await this.#units.state.write('checked', preflight);
  }

  /** Copies a unit. */
  async copyUnit(unit: Unit): Promise<{ done: boolean }> {
    const { batchSize, parallelWorkers } = this.#units.parts.plan.settings;
    return this.#units.run<CopiedBatch, CopiedBatch>({
      phase: 'copy',
      unit,
      scanner: this.#units.copying.source,
      limit: batchSize,
      workers: parallelWorkers,
      nothing: { read: 0, copied: 0, skipped: 0 },
      work: (items) => copyBatch(this.#units.copying, unit.collection, items),
      sum: (result, batch) => ({
        read: result.read + batch.read,
        copied: result.copied + batch.copied,
        skipped: result.skipped + batch.skipped,
      }),
    });
  }

  /** Deletes from the source what the target holds in the same form. */
  async cleanUpUnit(unit: Unit): Promise<{ done: boolean }> {
    return this.#units.run<number, number>({
      phase: 'cleanup',
      unit,
      scanner: this.#units.copying.source,
      limit: COMPARED_PAGE,
      workers: 1,
      nothing: 0,
      work: (items) => removeCopied(this.#units.copying, unit.collection, items),
      sum: (result, page) => result + page,
    });
  }

  /** Writes what has come of it all. */
  async report(): Promise<MigrationReport> {
    const { id, plan } = this.#units.parts;
    const validation = plan.settings.validate ? await this.comparison.validation() : undefined;
    const clean = validation === undefined || differencesIn(validation) === 0;
    const removed = plan.settings.cleanupSource && clean ? await this.#sum<number>('cleanup') : undefined;
    const compared = { collections: await this.#copied(), ...(validation !== undefined && { validation }) };
    const report: MigrationReport = {
      id,
      outcome: outcomeOf(compared),
      source: plan.source.place,
      target: plan.target.place,
      startedAt: plan.started_at,
      finishedAt: now(),
      // It has the id of the migration.
      ...(plan.settings.createBackup && { backup: id }),
      ...compared,
      ...(removed !== undefined && { removed: removed.reduce((sum, count) => sum + count, 0) }),
    };
    await this.#units.state.write('report', report);
    return report;
  }

  async #sum<R>(phase: string): Promise<R[]> {
    return (await Promise.all(collectionNames.map((name) => this.#units.results<R>(phase, 'source', name)))).flat();
  }

  async #preflight(): Promise<Preflight> {
    const totals: Partial<Record<CollectionName, number>> = {};
    const incompatibleTotals: Partial<Record<CollectionName, number>> = {};
    const incompatible: IncompatibleRecord[] = [];
    let bytes = 0;
    for (const collection of collectionNames) {
      const checked = await this.#units.results<Checked>('check', 'source', collection);
      totals[collection] = checked.reduce((sum, { total }) => sum + total, 0);
      incompatibleTotals[collection] = checked.reduce((sum, { incompatibleTotal }) => sum + incompatibleTotal, 0);
      incompatible.push(...checked.flatMap((each) => each.incompatible).slice(0, MAX_NAMED - incompatible.length));
      bytes += checked.reduce((sum, each) => sum + each.bytes, 0);
    }
    return {
      totals: totals as Preflight['totals'],
      incompatibleTotals: incompatibleTotals as Preflight['incompatibleTotals'],
      incompatible,
      bytes,
    };
  }

  async #copied(): Promise<MigrationReport['collections']> {
    const copied = collectionNames.map(async (name): Promise<[CollectionName, CollectionReport]> => {
      const batches = await this.#units.results<CopiedBatch>('copy', 'source', name);
      const total = (key: keyof CopiedBatch): number => batches.reduce((sum, batch) => sum + batch[key], 0);
      return [name, { read: total('read'), copied: total('copied'), skipped: total('skipped') }];
    });
    return Object.fromEntries(await Promise.all(copied)) as MigrationReport['collections'];
  }
}
