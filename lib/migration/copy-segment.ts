import { type CollectionName, referencesFrom } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { problemsInWords } from '../model/json-values.ts';
import { MigrationError, ReferenceNotFoundError } from '../repository/errors.ts';
import type { LoadOptions } from '../repository/storage-strategy.ts';
import { Compatibility, textsIn } from '../transfer/compatibility.ts';
import { copyPages } from '../transfer/copy-pages.ts';
import { retryingStore, type TransferStore } from '../transfer/retrying-store.ts';
import { pagesOf, type SegmentPosition } from '../transfer/scan-pages.ts';
import type { Semaphore } from '../transfer/semaphore.ts';
import type { MigrationSettings } from './migration-settings.ts';
import type { MigrationStore } from './stores.ts';

/** What copying takes, whoever does it. */
export interface Copying {
  readonly source: TransferStore;
  readonly target: TransferStore;
  readonly compatibility: Compatibility;
  /** What becomes of an entity that the target cannot hold. */
  readonly onInvalid: 'fail' | 'skip';
}

/** How entities get from one store to the other. @param retryForMs how long a store may be out of reach */
export function copyingOf({
  source,
  target,
  settings,
  retryForMs,
}: {
  readonly source: MigrationStore;
  readonly target: MigrationStore;
  readonly settings: Pick<MigrationSettings, 'onInvalid' | 'defaults'>;
  readonly retryForMs?: number | undefined;
}): Copying {
  const from = retryingStore(source.repository.strategy, retryForMs);
  const to = retryingStore(target.repository.strategy, retryForMs);
  const compatibility = new Compatibility({
    target: to,
    enforceReferences: target.enforceReferences,
    defaults: settings.defaults,
    parents: (collection, ids) => from.get(collection, ids),
  });
  return { source: from, target: to, compatibility, onInvalid: settings.onInvalid };
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
  readonly semaphore: Semaphore;
  /** Called in the order of the batches, once all before are durable too; without a cursor where the segment has ended. */
  readonly done: (batch: CopiedBatch & { readonly cursor?: string | undefined }) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Copies a batch: over older versions only, so that repeating it is harmless. */
export async function copyBatch(
  copying: Copying,
  collection: CollectionName,
  records: readonly Entity[],
): Promise<CopiedBatch> {
  const { entities, incompatible } = await copying.compatibility.checkPage(collection, records);
  const [first] = incompatible;
  if (first !== undefined && copying.onInvalid === 'fail') {
    const why = problemsInWords(first.problems);
    throw new MigrationError(
      `${collection} ${JSON.stringify(first.id)} was written after the check and does not fit the target: ${why}. ` +
        'Correct it and resume, or leave such entities out with --on-invalid skip.',
    );
  }
  const copied = entities.length === 0 ? 0 : await loadWithParents(copying, collection, entities);
  return { read: records.length, copied, skipped: incompatible.length };
}

/** Loads entities into the target, and before them such parents as were added to the source after it was read. */
export async function loadWithParents(
  copying: Copying,
  collection: CollectionName,
  entities: readonly Entity[],
  options?: LoadOptions,
): Promise<number> {
  try {
    return await copying.target.load(collection, entities, options);
  } catch (error) {
    if (!(error instanceof ReferenceNotFoundError)) throw error;
    for (const { field, parent } of referencesFrom(collection)) {
      const parents = await copying.source.get(parent, textsIn(entities, field));
      await copyBatch(
        copying,
        parent,
        parents.filter((entity) => entity !== undefined),
      );
    }
    return copying.target.load(collection, entities, options);
  }
}

/** Copies a segment from a position to its end, several batches at a time. */
export async function copySegment(
  copying: Copying,
  { collection, position, batchSize, semaphore, done, signal }: SegmentToCopy,
): Promise<void> {
  await copyPages({
    pages: pagesOf(copying.source, collection, batchSize, position),
    copy: (records) => copyBatch(copying, collection, records),
    done: ({ cursor }, batch) => done({ ...batch, cursor }),
    semaphore,
    signal,
  });
}
