/** Whether two stores hold the same, entity by entity, both ways. */
import { canonicalJson } from '../model/canonical-json.ts';
import type { CollectionName } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { idOf, versionOf } from '../repository/guarded-write.ts';
import type { Scanner } from '../repository/storage-strategy.ts';
import { type Compatibility, normalRecord } from './compatibility.ts';
import { bucketOf, ContentDigest } from './content-digest.ts';
import type { TransferStore } from './retrying-store.ts';
import { pagesOf } from './scan-pages.ts';

/** How the target differs from the source: it lacks the entity, has another or a newer one, or one that the source lacks. */
export type DifferenceKind = 'missing' | 'different' | 'newer' | 'extra';

export interface Difference {
  readonly collection: CollectionName;
  readonly id: string;
  readonly kind: DifferenceKind;
}

/** Entities of one page of a comparison. */
export const COMPARED_PAGE = 1000;
/** Entities that a report names; the others are counted. */
export const MAX_NAMED = 1000;

/** What the target should hold, and as it is, what the target cannot hold: a comparison counts both. */
async function fittedAndLeftOut(
  compatibility: Compatibility,
  collection: CollectionName,
  records: readonly Entity[],
): Promise<{ readonly wanted: readonly Entity[]; readonly leftOut: readonly Entity[] }> {
  const { entities, incompatible } = await compatibility.checkPage(collection, records);
  const ids = new Set(incompatible.map(({ id }) => id));
  const leftOut = ids.size === 0 ? [] : records.filter((record) => ids.has(idOf(collection, record)));
  return { wanted: entities, leftOut: leftOut.map((record) => normalRecord(collection, record)) };
}

/** Everything that the source holds, in the form in which it is compared. */
export async function everythingIn(
  compatibility: Compatibility,
  collection: CollectionName,
  records: readonly Entity[],
): Promise<Entity[]> {
  const { wanted, leftOut } = await fittedAndLeftOut(compatibility, collection, records);
  return [...wanted, ...leftOut];
}

/** The digest of a collection as it is stored. */
export async function digestOf(
  store: Scanner,
  collection: CollectionName,
  progress?: (collection: CollectionName, entities: number) => void,
): Promise<ContentDigest> {
  const digest = new ContentDigest();
  for await (const { items } of pagesOf(store, collection, COMPARED_PAGE)) {
    for (const entity of items) digest.add(collection, entity);
    progress?.(collection, items.length);
  }
  return digest;
}

export interface Compared {
  readonly difference: Difference;
  /** As the target should hold it; absent where it cannot hold it, and where the kind is 'extra'. */
  readonly wanted?: Entity;
  /** As the target holds it; absent where the kind is 'missing'. */
  readonly found?: Entity | undefined;
}

export interface ComparedStores {
  readonly source: TransferStore;
  readonly target: TransferStore;
  readonly compatibility: Compatibility;
}

export const entitiesIn = (
  buckets: ReadonlySet<number>,
  collection: CollectionName,
  entities: readonly Entity[],
): Entity[] => entities.filter((entity) => buckets.has(bucketOf(idOf(collection, entity))));

/** Of entities of the source: what the target lacks or has otherwise, whether or not it could hold it. */
export async function unlikeOf(
  collection: CollectionName,
  records: readonly Entity[],
  { target, compatibility }: ComparedStores,
): Promise<Compared[]> {
  if (records.length === 0) return [];
  const { wanted, leftOut } = await fittedAndLeftOut(compatibility, collection, records);
  const all = [...wanted, ...leftOut];
  const held = await target.get(
    collection,
    all.map((entity) => idOf(collection, entity)),
  );
  return all.flatMap((entity, i) => {
    const difference = differenceOf(collection, entity, held[i]);
    if (difference === undefined) return [];
    return [{ difference, found: held[i], ...(i < wanted.length && { wanted: entity }) }];
  });
}

/** Of entities of the target: what the source has not. */
export async function extrasOf(
  collection: CollectionName,
  records: readonly Entity[],
  { source }: ComparedStores,
): Promise<Compared[]> {
  if (records.length === 0) return [];
  const ids = records.map((entity) => idOf(collection, entity));
  const held = await source.get(collection, ids);
  const extras = records.filter((_, i) => held[i] === undefined);
  return extras.map((found) => ({ difference: { collection, id: idOf(collection, found), kind: 'extra' }, found }));
}

function differenceOf(collection: CollectionName, entity: Entity, found: Entity | undefined): Difference | undefined {
  const id = idOf(collection, entity);
  if (found === undefined) return { collection, id, kind: 'missing' };
  if (canonicalJson(entity) === canonicalJson(found)) return undefined;
  return { collection, id, kind: versionOf(found) > versionOf(entity) ? 'newer' : 'different' };
}

/** The differences of a part of two stores. */
export interface Findings {
  readonly differences: Readonly<Record<DifferenceKind, number>>;
  /** The first `MAX_NAMED`. */
  readonly listed: readonly Difference[];
  /** Differences that were repaired. */
  readonly repaired: number;
}

const NO_DIFFERENCES: Findings['differences'] = { missing: 0, different: 0, newer: 0, extra: 0 };
export const NO_FINDINGS: Findings = { differences: NO_DIFFERENCES, listed: [], repaired: 0 };

export function findingsIn(compared: readonly Compared[]): Findings {
  const differences = { ...NO_DIFFERENCES };
  for (const { difference } of compared) differences[difference.kind]++;
  return { differences, listed: compared.slice(0, MAX_NAMED).map(({ difference }) => difference), repaired: 0 };
}

export function sumOfFindings(a: Findings, b: Findings): Findings {
  const sum = (kind: DifferenceKind): number => a.differences[kind] + b.differences[kind];
  return {
    differences: { missing: sum('missing'), different: sum('different'), newer: sum('newer'), extra: sum('extra') },
    listed: [...a.listed, ...b.listed].slice(0, MAX_NAMED),
    repaired: a.repaired + b.repaired,
  };
}
