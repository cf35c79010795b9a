import { type CollectionName, collectionNames } from '../model/collections.ts';
import type { Capabilities } from '../repository/storage-strategy.ts';

/** A part of a phase that one process works on at a time. */
export interface Unit {
  /** Unique within its phase; becomes part of an object's name. */
  readonly name: string;
}

/** A segment of a collection. */
export interface SegmentUnit extends Unit {
  readonly collection: CollectionName;
  readonly segment: number;
  readonly segments: number;
}

/** The segments of a collection: several if the store is quicker when they are read at the same time. */
export function segmentsOf(
  { parallelScans }: Pick<Capabilities, 'parallelScans'>,
  collection: CollectionName,
  most: number,
): SegmentUnit[] {
  const segments = parallelScans ? most : 1;
  return Array.from({ length: segments }, (_, segment) => ({
    name: `${collection}-${segment}`,
    collection,
    segment,
    segments,
  }));
}

/** The segments of all collections, parents before their children. */
export const allSegments = (capabilities: Pick<Capabilities, 'parallelScans'>, most: number): SegmentUnit[] =>
  collectionNames.flatMap((collection) => segmentsOf(capabilities, collection, most));
