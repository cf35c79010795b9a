/** The comparison of both stores after a copy, with repair: passes over both, until nothing is left to repair. */
import { type CollectionName, collectionNames } from '../model/collections.ts';
import { type Findings, NO_FINDINGS, sumOfFindings } from '../transfer/compare-contents.ts';
import { ContentDigest } from '../transfer/content-digest.ts';
import type { UnitProgress } from '../transfer/run-unit.ts';
import { type Steps, unitPath } from '../transfer/steps.ts';
import type { SegmentUnit } from '../transfer/unit.ts';
import {
  type Buckets,
  digestKey,
  type ExaminedUnit,
  type MigrationPhases,
  type Side,
  type SidedUnit,
} from './phases.ts';
import type { Validation } from './report.ts';

/** How often what differs is copied again: a source that is written to meanwhile may differ each time. */
const MAX_REPAIRS = 3;

const sides: readonly Side[] = ['source', 'target'];

export interface ComparisonOptions {
  /** Number of this run. A pass that an earlier run has begun says nothing about what the stores hold now. */
  readonly run: number;
  readonly repair: boolean;
  readonly unitsOf: (side: Side, collection: CollectionName) => SegmentUnit[];
}

type MigrationSteps = Steps<MigrationPhases>;

/**
 * Compares source and target entity by entity, both ways. With `repair`, what the target lacks or has otherwise is copied
 * again, and only that; then both are compared once more, until a pass has nothing to repair.
 */
export async function compareStores(steps: MigrationSteps, options: ComparisonOptions): Promise<Validation> {
  let repaired = 0;
  let passesOfRun = 0;
  for (let pass = 0; ; pass++) {
    const run = await steps.once(`pass-${pass}/run`, async () => options.run);
    if (run !== options.run) {
      repaired += await repairedIn(steps, pass, options);
      continue;
    }
    const { counts, differing } = await digestBoth(steps, pass, options);
    const repair = options.repair && passesOfRun++ < MAX_REPAIRS;
    const found = await examine(steps, pass, differing, { ...options, repair });
    repaired += found.repaired;
    if (found.repaired === 0) return { ...counts, repaired, differences: found.differences, listed: found.listed };
  }
}

/** Name of the step that holds the differing buckets of a pass. */
const bucketsOf = (pass: number): string => `pass-${pass}/differing`;

async function digestBoth(
  steps: MigrationSteps,
  pass: number,
  { unitsOf }: ComparisonOptions,
): Promise<{ readonly counts: Record<CollectionName, number>; readonly differing: Buckets }> {
  const units: SidedUnit[] = sides.flatMap((side) =>
    collectionNames.flatMap((name) => unitsOf(side, name).map((unit) => sided(unit, side))),
  );
  const digests = await steps.each('digest', units, `pass-${pass}/digest`);
  const digestOf = (side: Side, name: CollectionName): ContentDigest =>
    ContentDigest.of(digests[digestKey(side, name)] ?? new ContentDigest());
  const byCollection = <T>(of: (name: CollectionName) => T): Record<CollectionName, T> =>
    Object.fromEntries(collectionNames.map((name) => [name, of(name)])) as Record<CollectionName, T>;
  const differing = await steps.once(bucketsOf(pass), async () =>
    byCollection((name) => [...digestOf('source', name).differingBuckets(digestOf('target', name))]),
  );
  return { counts: byCollection((name) => digestOf('target', name).count), differing };
}

/** Goes through the buckets that differ, and repairs what it may. */
async function examine(
  steps: MigrationSteps,
  pass: number,
  differing: Buckets,
  options: ComparisonOptions,
): Promise<Findings> {
  let found = NO_FINDINGS;
  for (const { side, collection, key } of examinations(pass)) {
    if (differing[collection].length === 0) continue;
    const units = options
      .unitsOf(side, collection)
      .map((unit): ExaminedUnit => ({ ...sided(unit, side), buckets: bucketsOf(pass), repair: options.repair }));
    found = sumOfFindings(found, await steps.each('examine', units, key));
  }
  return found;
}

/** Parents are added before their children, and removed after them. */
const examinations = (pass: number) =>
  sides.flatMap((side) =>
    (side === 'source' ? collectionNames : collectionNames.toReversed()).map((collection) => ({
      side,
      collection,
      key: `pass-${pass}/examine-${side}-${collection}`,
    })),
  );

/** What a pass that was interrupted has repaired. */
async function repairedIn(steps: MigrationSteps, pass: number, { unitsOf }: ComparisonOptions): Promise<number> {
  const paths = examinations(pass).flatMap(({ side, collection, key }) =>
    unitsOf(side, collection).map((unit) => unitPath(key, sided(unit, side))),
  );
  const progress = await Promise.all(paths.map((path) => steps.state.read<UnitProgress<Findings>>(path)));
  return progress.reduce((sum, unit) => sum + (unit?.result.repaired ?? 0), 0);
}

const sided = (unit: SegmentUnit, side: Side): SidedUnit => ({ ...unit, side, name: `${side}-${unit.name}` });
