/** The comparison of a migration as tasks: digests of both stores, what differs, its repair, until nothing is left to mend. */
import type { UnitProgress } from '../backup/run-unit.ts';
import { type Unit, unitName } from '../backup/task-state.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import {
  COMPARED_PAGE,
  type Compared,
  type Difference,
  type DifferenceKind,
  entitiesIn,
  everythingIn,
  extrasOf,
  unlikeOf,
} from '../transfer/compare-contents.ts';
import { ContentDigest, type DigestData } from '../transfer/content-digest.ts';
import { MAX_NAMED, type Validation } from './migration-report.ts';
import type { MigrationUnits, Side, SideUnit } from './migration-units.ts';
import { sides } from './migration-units.ts';
import { deleteExtras, MAX_REPAIRS, repairUnlike } from './validate-contents.ts';

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
export interface ComparisonOutcome {
  readonly settled: boolean;
  readonly clean: boolean;
}

const NO_DIFFERENCES: Repaired['differences'] = { missing: 0, different: 0, newer: 0, extra: 0 };

export class ComparisonTasks {
  readonly #units: MigrationUnits;

  constructor(units: MigrationUnits) {
    this.#units = units;
  }

  /** Adds up what a unit of a side holds. */
  async digestUnit({ side, ...unit }: SideUnit): Promise<{ done: boolean }> {
    const { compatibility } = this.#units.copying;
    const pass = await this.#pass();
    return this.#units.run<DigestData, DigestData>({
      phase: `digest-${pass}-${side}`,
      unit,
      scanner: this.#units.copying[side],
      limit: COMPARED_PAGE,
      workers: 1,
      nothing: new ContentDigest().toJSON(),
      work: async (items) => {
        const digest = new ContentDigest();
        const entities = side === 'target' ? items : await everythingIn(compatibility, unit.collection, items);
        for (const entity of entities) digest.add(unit.collection, entity);
        return digest.toJSON();
      },
      sum: (result, page) => merged([result, page]).toJSON(),
    });
  }

  /** Compares what both sides hold, once all digests of a pass are there. Asked again before, it says the same. */
  async compare(): Promise<ComparisonOutcome> {
    const before = await this.#last();
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
    await this.#units.state.write('comparison', comparison);
    return comparison.outcome;
  }

  /** Goes through a unit's entities in the buckets that differ, and mends what it may. */
  async repairUnit({ side, ...unit }: SideUnit): Promise<{ done: boolean }> {
    const { merge, deleteExtra } = this.#units.parts.plan.settings;
    const { pass = 0, differing } = (await this.#last()) ?? {};
    const { collection } = unit;
    const buckets = new Set(differing?.[collection]);
    const mend = async (page: readonly Compared[]): Promise<number> => {
      if (page.length === 0) return 0;
      if (side === 'source') return repairUnlike(this.#units.copying, collection, page, merge);
      return deleteExtra ? deleteExtras(this.#units.copying.target, collection, page) : 0;
    };
    return this.#units.run<Repaired, Repaired>({
      phase: `repair-${pass}-${side}`,
      unit,
      scanner: this.#units.copying[side],
      limit: COMPARED_PAGE,
      workers: 1,
      nothing: { differences: NO_DIFFERENCES, listed: [], repaired: 0 },
      work: async (items) => {
        const suspects = entitiesIn(buckets, collection, items);
        const find = side === 'source' ? unlikeOf : extrasOf;
        const page = suspects.length === 0 ? [] : await find(collection, suspects, this.#units.copying);
        const differences = { ...NO_DIFFERENCES };
        for (const { difference } of page) differences[difference.kind]++;
        return { differences, listed: page.map(({ difference }) => difference), repaired: await mend(page) };
      },
      sum: added,
    });
  }

  async #last(): Promise<Comparison | undefined> {
    return this.#units.state.read<Comparison>('comparison');
  }

  /**
   * Begins a comparison anew that was interrupted between its passes: digests from before a repair, or repairs of which
   * some are missing, say nothing about what is there now.
   */
  async restart(): Promise<ComparisonOutcome> {
    const before = await this.#last();
    if (before === undefined) return { settled: false, clean: false };
    if (before.outcome.settled) return before.outcome;
    const pass = before.pass + 1;
    const repaired = before.repaired + (await this.#repairedSoFar(before.pass));
    await this.#units.state.write('comparison', { ...before, pass, first: pass, repaired } satisfies Comparison);
    return before.outcome;
  }

  async #repairedSoFar(pass: number): Promise<number> {
    const units = sides.flatMap((side) =>
      collectionNames.flatMap((name) =>
        this.#units
          .of(side, name)
          .map((unit) => this.#units.state.read<UnitProgress<Repaired>>(unitName(`repair-${pass}-${side}`, unit))),
      ),
    );
    return (await Promise.all(units)).reduce((sum, unit) => sum + (unit?.result.repaired ?? 0), 0);
  }

  async #pass(): Promise<number> {
    return (await this.#last())?.pass ?? 0;
  }

  async #hasDigests(pass: number): Promise<boolean> {
    const [first] = this.#units.of('source', 'templates') as [Unit];
    return (await this.#units.state.read(unitName(`digest-${pass}-source`, first))) !== undefined;
  }

  async #digest(side: Side, collection: CollectionName, pass: number): Promise<ContentDigest> {
    return merged(await this.#units.results<DigestData>(`digest-${pass}-${side}`, side, collection));
  }

  /** What the repairs of a pass have found and done. */
  async #repairs(pass: number): Promise<Repaired> {
    const both = sides.flatMap((side) =>
      collectionNames.map((name) => this.#units.results<Repaired>(`repair-${pass}-${side}`, side, name)),
    );
    const results = (await Promise.all(both)).flat();
    return results.reduce(added, { differences: NO_DIFFERENCES, listed: [], repaired: 0 });
  }

  /** The outcome of the last comparison; undefined where there was none. */
  async validation(): Promise<Validation | undefined> {
    const comparison = await this.#last();
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
