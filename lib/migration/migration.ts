import type { LocationSettings } from '../backup/backup-location.ts';
import { createBackup } from '../backup/create-backup.ts';
import { openLocation } from '../backup/open-location.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { COMPARED_PAGE } from '../transfer/compare-contents.ts';
import type { TransferStore } from '../transfer/retrying-store.ts';
import { pagesOf } from '../transfer/scan-pages.ts';
import { Semaphore } from '../transfer/semaphore.ts';
import { type CopiedBatch, type Copying, copyBatch, copyingOf, copySegment } from './copy-segment.ts';
import { type MigrationLog, segmentKey } from './migration-log.ts';
import type { Preflight, Validation } from './migration-report.ts';
import type { MigrationSettings } from './migration-settings.ts';
import { checkEntities, requireCompatible, requireReadable, requireRoom, requireWritable } from './preflight.ts';
import { removeCopied } from './remove-copied.ts';
import type { MigrationStore } from './stores.ts';
import { validateContents } from './validate-contents.ts';

export type Phase = 'check' | 'backup' | 'copy' | 'compare' | 'cleanup';

/** Called with the entities that a phase has dealt with since the last call. */
export type MigrationProgress = (phase: Phase, collection: CollectionName, entities: number) => void;

export interface MigrationParts {
  readonly source: MigrationStore;
  readonly target: MigrationStore;
  readonly settings: MigrationSettings;
  /** Where checkpoints are kept; without it the migration cannot be resumed. */
  readonly log?: MigrationLog | undefined;
  /** Of an `s3://` backup location. */
  readonly location?: LocationSettings;
  readonly progress?: MigrationProgress | undefined;
  /** Once aborted, batches under way are finished, and the step throws. */
  readonly signal?: AbortSignal | undefined;
  /** For how many milliseconds a store may be out of reach, or throttle, before a step throws; a minute where left out. */
  readonly retryForMs?: number | undefined;
}

/** A batch of the source that has not been copied yet. */
export interface MigrationBatch {
  readonly collection: CollectionName;
  readonly entities: readonly Entity[];
  /** Copies it; harmless to repeat. */
  migrate(): Promise<CopiedBatch>;
}

/** SPEC.md's migration, step by step; `migrateRepository` takes all of them. */
export class Migration {
  readonly #parts: MigrationParts;
  readonly #copying: Copying;

  constructor(parts: MigrationParts) {
    this.#parts = parts;
    this.#copying = copyingOf(parts);
  }

  /** Segments of a collection that are read at the same time. */
  get segments(): number {
    const { settings } = this.#parts;
    return this.#source.capabilities.parallelScans ? settings.parallelWorkers : 1;
  }

  /** @throws MigrationError where the source cannot be read */
  async validateSourceConnection(): Promise<void> {
    await requireReadable(this.#parts.source);
  }

  /** @throws MigrationError where the target cannot be written, or is not empty and `merge` is not set */
  async validateTargetConnection(): Promise<void> {
    await requireWritable(this.#parts.target, this.#parts.settings.merge);
  }

  /** Reads the whole source and says what the target cannot hold. Writes nothing. */
  async validateSchemaCompatibility(): Promise<Preflight> {
    const { signal } = this.#parts;
    const options = { segments: this.segments, progress: this.#progress('check'), signal };
    return checkEntities(this.#source, this.#copying.compatibility, options);
  }

  /** @throws MigrationError where entities do not fit and may not be skipped, or where a disk has too little room */
  async requireCompatible(preflight: Preflight): Promise<void> {
    const { target, settings } = this.#parts;
    if (settings.onInvalid === 'fail') requireCompatible(preflight, target);
    await requireRoom(target, preflight.bytes, settings.createBackup ? settings.backupLocation : undefined);
  }

  /**
   * Backs the source up.
   * @returns where the backup is, such as `backups/migration-20261122T100000Z-1a2b3c`
   * @throws BackupError
   */
  async createBackup(backupLocation = this.#parts.settings.backupLocation): Promise<string> {
    const { source, signal, location: settings = {} } = this.#parts;
    const location = await openLocation(backupLocation, settings);
    const { id } = await createBackup(source.repository.strategy, {
      location,
      place: source.place,
      prefix: 'migration',
      progress: this.#progress('backup'),
      signal,
    });
    return `${backupLocation.replace(/\/+$/, '')}/${id}`;
  }

  /** Batches in dependency order, for callers that copy one after the other. `copy` does it with workers and checkpoints. */
  async *getMigrationBatches(batchSize = this.#parts.settings.batchSize): AsyncGenerator<MigrationBatch> {
    for (const collection of collectionNames) {
      for await (const { items } of pagesOf(this.#source, collection, batchSize)) {
        yield { collection, entities: items, migrate: () => copyBatch(this.#copying, collection, items) };
      }
    }
  }

  /** Copies what the log does not say is copied, collection by collection. */
  async copy(): Promise<void> {
    const { log, settings, signal } = this.#parts;
    const segments = log?.state.segments ?? this.segments;
    const semaphore = new Semaphore(settings.parallelWorkers);
    const progress = this.#progress('copy');
    for (const collection of collectionNames) {
      const copying = Array.from({ length: segments }, async (_, segment) => {
        const before = log?.state.progress.get(segmentKey(collection, segment));
        if (before?.done) return;
        await copySegment(this.#copying, {
          collection,
          position: { segment, segments, cursor: before?.cursor },
          batchSize: settings.batchSize,
          semaphore,
          signal,
          done: (batch) => {
            log?.add({ event: 'checkpoint', collection, segment, ...batch });
            progress?.(collection, batch.read);
          },
        });
      });
      const failure = (await Promise.allSettled(copying)).find(({ status }) => status === 'rejected');
      if (failure !== undefined) throw (failure as PromiseRejectedResult).reason;
    }
  }

  /** Compares both stores, copies what differs once more, and says what still differs. */
  async validateMigration({ repair = true }: { repair?: boolean } = {}): Promise<Validation> {
    const { settings, signal } = this.#parts;
    return validateContents(this.#copying, {
      repair,
      merge: settings.merge,
      deleteExtra: settings.deleteExtra,
      workers: settings.parallelWorkers,
      progress: this.#progress('compare'),
      signal,
    });
  }

  /**
   * Deletes from the source what the target holds in the very same form, children first. What was changed or added
   * meanwhile stays, and so do the parents of what stays.
   * @returns how many were deleted
   */
  async cleanupSource(): Promise<number> {
    const { log } = this.#parts;
    const progress = this.#progress('cleanup');
    let removed = 0;
    for (const collection of collectionNames.toReversed()) {
      for await (const { items } of pagesOf(this.#source, collection, COMPARED_PAGE)) {
        const entities = await removeCopied(this.#copying, collection, items);
        removed += entities;
        log?.add({ event: 'removed', entities });
        progress?.(collection, items.length);
      }
    }
    return removed;
  }

  get #source(): TransferStore {
    return this.#copying.source;
  }

  #progress(phase: Phase): ((collection: CollectionName, entities: number) => void) | undefined {
    const { progress } = this.#parts;
    return progress && ((collection, entities) => progress(phase, collection, entities));
  }
}
