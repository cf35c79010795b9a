/** Whether two stores hold the same, entity by entity, both ways. */
import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { idOf, versionOf } from '../repository/guarded-write.ts';
import type { Scanner } from '../repository/storage-strategy.ts';
import { type Compatibility, normalRecord } from './compatibility.ts';
import { bucketOf, ContentDigest } from './content-digest.ts';
import type { TransferStore } from './retrying-store.ts';
import { pagesOf, type SegmentPosition } from './scan-pages.ts';

/** How the target differs from the source: it lacks the entity, has another or a newer one, or one that the source lacks. */
export type DifferenceKind = 'missing' | 'different' | 'newer' | 'extra';

export interface Difference {
  readonly collection: CollectionName;
  readonly id: string;
  readonly kind: DifferenceKind;
}

/** Entities of one page of a comparison. */
export const COMPARED_PAGE = 1000;

export type Progress = (collection: CollectionName, entities: number) => void;

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

/** The digest of a segment of the source, as `everythingIn` has it. */
export async function digestOfSource(
  source: Scanner,
  collection: CollectionName,
  compatibility: Compatibility,
  { position, progress }: { position?: SegmentPosition; progress?: Progress | undefined } = {},
): Promise<ContentDigest> {
  const digest = new ContentDigest();
  for await (const { items } of pagesOf(source, collection, COMPARED_PAGE, position)) {
    for (const entity of await everythingIn(compatibility, collection, items)) digest.add(collection, entity);
    progress?.(collection, items.length);
  }
  return digest;
}

/** The digest of a segment as it is stored. */
export async function digestOfTarget(
  target: Scanner,
  collection: CollectionName,
  { position, progress }: { position?: SegmentPosition; progress?: Progress | undefined } = {},
): Promise<ContentDigest> {
  const digest = new ContentDigest();
  for await (const { items } of pagesOf(target, collection, COMPARED_PAGE, position)) {
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

/** The entities of some buckets, page by page. */
async function* suspectsOf(
  store: Scanner,
  collection: CollectionName,
  buckets: ReadonlySet<number>,
): AsyncGenerator<Entity[]> {
  if (buckets.size === 0) return;
  for await (const { items } of pagesOf(store, collection, COMPARED_PAGE)) {
    const suspects = entitiesIn(buckets, collection, items);
    if (suspects.length > 0) yield suspects;
  }
}

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

/** What the target lacks or has otherwise, in the buckets that differ. */
export async function* unlikeIn(
  collection: CollectionName,
  buckets: ReadonlySet<number>,
  stores: ComparedStores,
): AsyncGenerator<Compared[]> {
  for await (const suspects of suspectsOf(stores.source, collection, buckets)) {
    yield await unlikeOf(collection, suspects, stores);
  }
}

/** What the target has and the source has not, in the buckets that differ. */
export async function* extrasIn(
  collection: CollectionName,
  buckets: ReadonlySet<number>,
  stores: ComparedStores,
): AsyncGenerator<Compared[]> {
  for await (const suspects of suspectsOf(stores.target, collection, buckets)) {
    yield await extrasOf(collection, suspects, stores);
  }
}

function differenceOf(collection: CollectionName, entity: Entity, found: Entity | undefined): Difference | undefined {
  const id = idOf(collection, entity);
  if (found === undefined) return { collection, id, kind: 'missing' };
  if (canonicalJson(entity) === canonicalJson(found)) return undefined;
  return { collection, id, kind: versionOf(found) > versionOf(entity) ? 'newer' : 'different' };
}

/** Buckets that differ, by collection. */
export type DifferingBuckets = ReadonlyMap<CollectionName, ReadonlySet<number>>;

export const isSame = (buckets: DifferingBuckets): boolean => collectionNames.every((name) => !buckets.get(name)?.size);
