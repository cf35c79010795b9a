import type { CollectionName } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { MigrationError } from '../repository/errors.ts';
import type { Scanner, StorageStrategy } from '../repository/storage-strategy.ts';
import { copyPages } from '../transfer/copy-pages.ts';
import type { Fitting } from '../transfer/fitting.ts';
import { patiently } from '../transfer/patience.ts';
import { pagesOf, type SegmentPosition } from '../transfer/scan-pages.ts';
import type { Slots } from '../transfer/slots.ts';

/** What copying takes, whoever does it. */
export interface Copying {
  readonly source: StorageStrategy;
  readonly target: StorageStrategy;
  readonly fitting: Fitting;
  /** What becomes of an entity that the target cannot hold. */
  readonly onInvalid: 'fail' | 'skip';
}

/** What became of a batch. */
export interface CopiedBatch {
  readonly read: number;
  /** Written; the others were there already, in this or a newer version. */
  readonly copied: number;
  readonly skipped: number;
}

export interface SegmentToCopy {
  readonly collection: CollectionName;
  readonly position: SegmentPosition;
  readonly batchSize: number;
  /** Shared by all segments: how many batches are written at the same time. */
  readonly slots: Slots;
  /** Called in the order of the batches, once all before are durable too; without a cursor where the segment has ended. */
  readonly done: (batch: CopiedBatch & { readonly cursor?: string | undefined }) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Copies a batch: over older versions only, so that repeating it is harmless. */
export async function copyBatch(
  { target, fitting, onInvalid }: Copying,
  collection: CollectionName,
  records: readonly Entity[],
): Promise<CopiedBatch> {
  const { entities, unfit } = await fitting.fitPage(collection, records);
  const [first] = unfit;
  if (first !== undefined && onInvalid === 'fail') {
    const why = first.problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
    throw new MigrationError(
      `${collection} ${JSON.stringify(first.id)} was written after the check and does not fit the target: ${why}. ` +
        'Correct it and resume, or leave such entities out with --on-invalid skip.',
    );
  }
  const copied = entities.length === 0 ? 0 : await patiently(() => target.load(collection, entities));
  return { read: records.length, copied, skipped: unfit.length };
}

/** Copies a segment from a position to its end, several batches at a time. */
export async function copySegment(
  copying: Copying,
  { collection, position, batchSize, slots, done, signal }: SegmentToCopy,
): Promise<void> {
  const source: Scanner = { scan: (...args) => patiently(() => copying.source.scan(...args)) };
  await copyPages({
    pages: pagesOf(source, collection, batchSize, position),
    copy: (records) => copyBatch(copying, collection, records),
    done: ({ cursor }, batch) => done({ ...batch, cursor }),
    slots,
    signal,
  });
}
