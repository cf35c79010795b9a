/** The phases of a migration: what is done with each unit. `Migration` says in which order. */
import { backupPhases } from '../backup/write-parts.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import type { Location } from '../objects/location.ts';
import type { ScanPage } from '../repository/storage-strategy.ts';
import {
  COMPARED_PAGE,
  type Compared,
  entitiesIn,
  everythingIn,
  extrasOf,
  type Findings,
  findingsIn,
  MAX_NAMED,
  NO_FINDINGS,
  sumOfFindings,
  unlikeOf,
} from '../transfer/compare-contents.ts';
import type { IncompatibleRecord } from '../transfer/compatibility.ts';
import { ContentDigest, type DigestData } from '../transfer/content-digest.ts';
import type { EntityCount, Phase } from '../transfer/run-unit.ts';
import { pagesOf } from '../transfer/scan-pages.ts';
import type { SegmentUnit } from '../transfer/unit.ts';
import type { WorkState } from '../transfer/work-state.ts';
import {
  type CopiedBatch,
  type Copying,
  copyBatch,
  deleteUnreferenced,
  loadWithParents,
  removeCopied,
} from './copying.ts';
import type { Preflight } from './report.ts';
import type { MigrationStore } from './stores.ts';

/** Which store a unit reads. */
export type Side = 'source' | 'target';

/** A segment of one of the two stores. */
export type SidedUnit = SegmentUnit & { readonly side: Side };

/** A segment of one of the two stores in which differing buckets are examined. */
export type ExaminedUnit = SidedUnit & {
  /** Name of the object that holds the differing buckets. */
  readonly buckets: string;
  /** Whether differences are repaired. */
  readonly repair: boolean;
};

/** Differing buckets, by collection: see `ContentDigest`. */
export type Buckets = Readonly<Record<CollectionName, readonly number[]>>;

/** Digests of collections of both stores, by `digestKey`. They become JSON when they are stored. */
export type Digests = Readonly<Record<string, ContentDigest | DigestData>>;
export const digestKey = (side: Side, collection: CollectionName): string => `${side} ${collection}`;

/** Sums the numbers of two objects of one shape. */
const added = <T extends Readonly<Record<string, number>>>(a: T, b: T): T =>
  Object.fromEntries(Object.entries(a).map(([name, count]) => [name, count + (b[name] as number)])) as T;

const zeros = () => Object.fromEntries(collectionNames.map((name) => [name, 0])) as Record<CollectionName, number>;

export interface PhasesParts {
  readonly id: string;
  readonly source: MigrationStore;
  readonly copying: Copying;
  readonly state: WorkState;
  /** Location of the backup of the source. */
  readonly backups: Location;
  readonly retryForMs?: number | undefined;
}

export function migrationPhases({ id, source, copying, state, backups, retryForMs }: PhasesParts) {
  const { compatibility, settings } = copying;
  const inSource = (limit: number) => ({
    pages: (unit: SegmentUnit, { cursor }: { readonly cursor?: string | undefined }) =>
      pagesOf(copying.source, unit.collection, limit, { ...unit, cursor }),
    count: ({ collection }: SegmentUnit, { items }: ScanPage): EntityCount => [collection, items.length],
  });

  const check: Phase<SegmentUnit, ScanPage, Preflight> = {
    ...inSource(COMPARED_PAGE),
    workers: 1,
    nothing: { totals: zeros(), bytes: 0, incompatibleTotals: zeros(), incompatible: [] as IncompatibleRecord[] },
    work: async ({ collection }, { items }) => {
      const { entities, incompatible } = await compatibility.checkPage(collection, items);
      return {
        totals: { ...zeros(), [collection]: items.length },
        bytes: entities.reduce((sum, entity) => sum + canonicalJson(entity).length, 0),
        incompatibleTotals: { ...zeros(), [collection]: incompatible.length },
        incompatible: incompatible.slice(0, MAX_NAMED),
      };
    },
    sum: (a, b) => ({
      totals: added(a.totals, b.totals),
      bytes: a.bytes + b.bytes,
      incompatibleTotals: added(a.incompatibleTotals, b.incompatibleTotals),
      incompatible: [...a.incompatible, ...b.incompatible].slice(0, MAX_NAMED),
    }),
  };

  const copy: Phase<SegmentUnit, ScanPage, CopiedBatch> = {
    ...inSource(settings.batch_size),
    workers: settings.parallel_workers,
    nothing: { read: 0, copied: 0, skipped: 0 },
    work: ({ collection }, { items }) => copyBatch(copying, collection, items),
    sum: (a, b) => added({ ...a }, { ...b }),
  };

  const digest: Phase<SidedUnit, ScanPage, Digests> = {
    workers: 1,
    nothing: {},
    pages: (unit, { cursor }) => pagesOf(copying[unit.side], unit.collection, COMPARED_PAGE, { ...unit, cursor }),
    work: async ({ side, collection }, { items }) => {
      const page = new ContentDigest();
      const entities = side === 'target' ? items : await everythingIn(compatibility, collection, items);
      for (const entity of entities) page.add(collection, entity);
      return { [digestKey(side, collection)]: page };
    },
    sum: sumOfDigests,
    count: ({ side, collection }, { items }) => [collection, side === 'source' ? items.length : 0],
  };

  const repair = async (unit: ExaminedUnit, found: readonly Compared[]): Promise<number> => {
    const { side, collection } = unit;
    if (!unit.repair || found.length === 0) return 0;
    if (side === 'target') {
      if (!settings.delete_extra) return 0;
      const extras = found.map((compared) => compared.found).filter((entity) => entity !== undefined);
      return deleteUnreferenced(copying.target, collection, extras);
    }
    const wanted = found.map((compared) => compared.wanted).filter((entity) => entity !== undefined);
    if (wanted.length === 0) return 0;
    // Newer versions in the target stay, and if it held entities before, also those of the same version.
    return loadWithParents(copying, collection, wanted, { over: settings.merge ? 'older' : 'same' });
  };
  const examine: Phase<ExaminedUnit, ScanPage, Findings> = {
    workers: 1,
    nothing: NO_FINDINGS,
    pages: async function* (unit, { cursor }) {
      const { [unit.collection]: buckets = [] } =
        (await state.read<{ result: Partial<Buckets> }>(unit.buckets))?.result ?? {};
      const wanted = new Set(buckets);
      for await (const page of pagesOf(copying[unit.side], unit.collection, COMPARED_PAGE, { ...unit, cursor })) {
        yield { ...page, items: entitiesIn(wanted, unit.collection, page.items) };
      }
    },
    work: async (unit, { items }) => {
      if (items.length === 0) return NO_FINDINGS;
      const find = unit.side === 'source' ? unlikeOf : extrasOf;
      const found = await find(unit.collection, items, copying);
      return { ...findingsIn(found), repaired: await repair(unit, found) };
    },
    sum: sumOfFindings,
    // They were counted when their digest was made.
    count: ({ collection }) => [collection, 0],
  };

  const cleanUp: Phase<SegmentUnit, ScanPage, number> = {
    ...inSource(COMPARED_PAGE),
    workers: 1,
    nothing: 0,
    work: ({ collection }, { items }) => removeCopied(copying, collection, items),
    sum: (a, b) => a + b,
  };

  const backup = backupPhases({ id, strategy: source.repository.strategy, location: backups, retryForMs });
  return { check, ...backup, copy, digest, examine, 'clean-up': cleanUp };
}

export type MigrationPhases = ReturnType<typeof migrationPhases>;

function sumOfDigests(a: Digests, b: Digests): Digests {
  const sum = { ...a };
  for (const [key, more] of Object.entries(b)) {
    const digest = ContentDigest.of(sum[key] ?? more);
    if (sum[key] !== undefined) digest.merge(ContentDigest.of(more));
    sum[key] = digest;
  }
  return sum;
}
