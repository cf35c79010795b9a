/** The comparison of both stores after a copy, with repair. */
import { type CollectionName, collectionNames, referencesTo } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { versionOf } from '../repository/guarded-write.ts';
import {
  type Compared,
  type Difference,
  type DifferenceKind,
  type DifferingBuckets,
  digestOfSource,
  digestOfTarget,
  extrasIn,
  isSame,
  unlikeIn,
} from '../transfer/compare-contents.ts';
import { ContentDigest } from '../transfer/content-digest.ts';
import type { TransferStore } from '../transfer/retrying-store.ts';
import { type Copying, loadWithParents } from './copy-segment.ts';
import { countDeleted } from './count-deleted.ts';
import { MAX_NAMED, type Validation } from './migration-report.ts';

/** How often what differs is copied again: a source that is written to meanwhile may differ each time. */
export const MAX_REPAIRS = 3;

export interface ValidationOptions {
  readonly repair: boolean;
  /** Whether the target held entities before: then an entity of the same version is not replaced. */
  readonly merge: boolean;
  readonly deleteExtra: boolean;
  /** Segments that are read at the same time, where that is quicker. */
  readonly workers: number;
  readonly progress?: ((collection: CollectionName, entities: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Digests {
  readonly buckets: DifferingBuckets;
  readonly counts: Readonly<Record<CollectionName, number>>;
}

/** The whole digest of a collection, by segments where they are quicker. */
async function wholeDigest(
  store: TransferStore,
  workers: number,
  digestOf: (position: { segment: number; segments: number }) => Promise<ContentDigest>,
): Promise<ContentDigest> {
  const segments = store.capabilities.parallelScans ? workers : 1;
  const parts = await Promise.all(Array.from({ length: segments }, (_, segment) => digestOf({ segment, segments })));
  const whole = new ContentDigest();
  for (const part of parts) whole.merge(part);
  return whole;
}

async function digests(
  { source, target, compatibility }: Copying,
  { workers, progress, signal }: ValidationOptions,
): Promise<Digests> {
  const buckets = new Map<CollectionName, ReadonlySet<number>>();
  const counts: Partial<Record<CollectionName, number>> = {};
  for (const collection of collectionNames) {
    signal?.throwIfAborted();
    const [wanted, found] = await Promise.all([
      wholeDigest(source, workers, (position) =>
        digestOfSource(source, collection, compatibility, { position, progress }),
      ),
      wholeDigest(target, workers, (position) => digestOfTarget(target, collection, { position })),
    ]);
    buckets.set(collection, wanted.differingBuckets(found));
    counts[collection] = found.count;
  }
  return { buckets, counts: counts as Record<CollectionName, number> };
}

/** What was found in one pass. */
class Findings {
  readonly differences: Record<DifferenceKind, number> = { missing: 0, different: 0, newer: 0, extra: 0 };
  readonly listed: Difference[] = [];
  repaired = 0;

  add(page: readonly Compared[]): void {
    for (const { difference } of page) {
      this.differences[difference.kind]++;
      if (this.listed.length < MAX_NAMED) this.listed.push(difference);
    }
  }
}

/** Copies what the target lacks, or has otherwise: its newer versions stay, and in a merge also the same ones. */
export async function repairUnlike(
  copying: Copying,
  collection: CollectionName,
  page: readonly Compared[],
  merge: boolean,
): Promise<number> {
  const wanted = page.map((compared) => compared.wanted).filter((entity): entity is Entity => entity !== undefined);
  if (wanted.length === 0) return 0;
  return loadWithParents(copying, collection, wanted, { over: merge ? 'older' : 'same' });
}

/** Deletes what only the target has, unless something refers to it. */
export async function deleteExtras(
  target: TransferStore,
  collection: CollectionName,
  page: readonly Compared[],
): Promise<number> {
  const lists = page.map(({ difference: { id }, found }) => [
    { kind: 'delete' as const, collection, id, expect: versionOf(found), unreferencedBy: referencesTo(collection) },
  ]);
  return countDeleted(await target.writeEach(lists));
}

/** Goes through the buckets that differ, and mends what it may. */
async function examine(
  copying: Copying,
  buckets: DifferingBuckets,
  { merge, deleteExtra }: ValidationOptions,
  repair: boolean,
): Promise<Findings> {
  const findings = new Findings();
  for (const collection of collectionNames) {
    for await (const page of unlikeIn(collection, buckets.get(collection) ?? new Set(), copying)) {
      findings.add(page);
      if (repair) findings.repaired += await repairUnlike(copying, collection, page, merge);
    }
  }
  // Children before their parents.
  for (const collection of collectionNames.toReversed()) {
    for await (const page of extrasIn(collection, buckets.get(collection) ?? new Set(), copying)) {
      findings.add(page);
      if (repair && deleteExtra) findings.repaired += await deleteExtras(copying.target, collection, page);
    }
  }
  return findings;
}

/**
 * Compares source and target entity by entity, both ways. With `repair`, what the target lacks or has otherwise is copied
 * again, and only that; then it is compared once more.
 */
export async function validateContents(copying: Copying, options: ValidationOptions): Promise<Validation> {
  let repaired = 0;
  for (let pass = 0; ; pass++) {
    const { buckets, counts } = await digests(copying, options);
    const repair = options.repair && pass < MAX_REPAIRS;
    const findings = isSame(buckets) ? new Findings() : await examine(copying, buckets, options, repair);
    repaired += findings.repaired;
    if (findings.repaired > 0) continue;
    return { ...counts, repaired, differences: findings.differences, listed: findings.listed };
  }
}
