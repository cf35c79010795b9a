import { setImmediate } from 'node:timers/promises';
import type { CollectionName } from '../model/collections.ts';
import type { Scanner, ScanPage } from '../repository/storage-strategy.ts';

/** A part of a collection, and where in it to begin. */
export interface SegmentPosition {
  readonly segment: number;
  readonly segments: number;
  /** Of the last page that is done with. */
  readonly cursor?: string | undefined;
}

export const WHOLE: SegmentPosition = { segment: 0, segments: 1 };

/** The pages of a segment, one after the other. */
export async function* pagesOf(
  scanner: Scanner,
  collection: CollectionName,
  limit: number,
  position: SegmentPosition = WHOLE,
): AsyncGenerator<ScanPage> {
  let { cursor } = position;
  do {
    const page = await scanner.scan(collection, { ...position, limit, cursor });
    yield page;
    // Stores in memory or in this process answer without waiting: signals and timers must get their turn all the same.
    await setImmediate();
    cursor = page.cursor;
  } while (cursor !== undefined);
}
