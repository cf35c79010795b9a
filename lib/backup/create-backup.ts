import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import { now } from '../model/timestamps.ts';
import { BackupError } from '../repository/errors.ts';
import type { Scanner, StorageStrategy } from '../repository/storage-strategy.ts';
import { ContentDigest } from '../transfer/content-digest.ts';
import { withRetries } from '../transfer/retry.ts';
import { pagesOf } from '../transfer/scan-pages.ts';
import { requireAllDeclared } from '../transfer/undeclared-columns.ts';
import { newSortableId, requireBackupId } from './backup-id.ts';
import { type BackupLocation, readText } from './backup-location.ts';
import { isOfBackup } from './list-backups.ts';
import { type BackupManifest, MANIFEST, parseManifest } from './manifest.ts';
import { PartWriter } from './part-writer.ts';
import { sealBackup } from './seal-backup.ts';

const PAGE_ENTITIES = 500;
/** Segments that are read at the same time, where that is quicker. */
const PARALLEL_SEGMENTS = 4;

export interface BackupOptions {
  readonly location: BackupLocation;
  /** Where the store is, for people: no secrets. */
  readonly place: string;
  /** Begins the backup's id, such as 'backup'. */
  readonly prefix?: string;
  /** The id itself, where the caller has chosen it; by `newSortableId` where left out. */
  readonly id?: string | undefined;
  /** Called with the entities written since the last call. */
  readonly progress?: ((collection: CollectionName, entities: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is called like a backup, and is none, is never removed. */
export const notOurs = (location: BackupLocation, id: string): BackupError =>
  new BackupError(`${location.text} has a ${id} already, which is another kind of thing: choose another id.`);

/**
 * Writes every entity of a store, invalid records included, as compressed NDJSON with a manifest. The entities are those
 * of one moment where the store can show one (`snapshotReads`), which the manifest says.
 *
 * With an id that the caller has chosen, the call may be repeated: a backup that is complete is returned as it is, and one
 * that was cut off is begun again. Two calls with the same id must not run at the same time.
 * @throws BackupError where it cannot be written; what was written of it is removed
 * @throws ConfigurationError where the store has columns that the backup would not hold; nothing is written then
 */
export async function createBackup(strategy: StorageStrategy, options: BackupOptions): Promise<BackupManifest> {
  const { location, place, prefix = 'backup' } = options;
  const created_at = now();
  const id = options.id ?? newSortableId(prefix, created_at);
  if (options.id !== undefined) {
    requireBackupId(id);
    const complete = await manifestOf(location, id);
    if (complete !== undefined) return complete;
    if (!(await location.list(id)).every(isOfBackup)) throw notOurs(location, id);
    await removeAll(location, id);
  }
  await requireAllDeclared(strategy, place);
  const { snapshotReads, parallelScans } = strategy.capabilities;
  try {
    await using stack = new AsyncDisposableStack();
    const scanner = snapshotReads ? stack.use(await strategy.snapshot()) : strategy;
    const collections: Partial<BackupManifest['collections']> = {};
    for (const collection of collectionNames) {
      const writer = new PartWriter(location, id, collection);
      const digest = new ContentDigest();
      const segments = parallelScans ? PARALLEL_SEGMENTS : 1;
      try {
        await inParallel(segments, (segment) =>
          writeSegment(scanner, collection, { segment, segments }, { writer, digest, options }),
        );
        await writer.end();
      } finally {
        // What is still under way would be stored after it was removed.
        await writer.settled();
      }
      collections[collection] = { entities: digest.count, digest: digest.text, parts: writer.parts };
    }
    options.signal?.throwIfAborted();
    return await sealBackup(location, {
      id,
      created_at,
      source: { store: strategy.name, place },
      consistent: snapshotReads,
      collections: collections as BackupManifest['collections'],
    });
  } catch (error) {
    await removeUnfinished(location, id);
    throw error;
  }
}

interface Writing {
  readonly writer: PartWriter;
  readonly digest: ContentDigest;
  readonly options: BackupOptions;
}

async function writeSegment(
  scanner: Scanner,
  collection: CollectionName,
  position: { readonly segment: number; readonly segments: number },
  { writer, digest, options: { progress, signal } }: Writing,
): Promise<void> {
  const patient: Scanner = { scan: (name, scan) => withRetries(() => scanner.scan(name, scan)) };
  for await (const { items } of pagesOf(patient, collection, PAGE_ENTITIES, position)) {
    signal?.throwIfAborted();
    const lines: string[] = [];
    for (const entity of items) {
      const json = canonicalJson(entity);
      digest.add(collection, entity, json);
      lines.push(json);
    }
    await writer.add(lines);
    progress?.(collection, items.length);
  }
}

async function inParallel(times: number, run: (i: number) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(Array.from({ length: times }, (_, i) => run(i)));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

async function manifestOf(location: BackupLocation, id: string): Promise<BackupManifest | undefined> {
  const name = `${id}/${MANIFEST}`;
  const text = await readText(location, name);
  return text === undefined ? undefined : parseManifest(text, name);
}

async function removeAll(location: BackupLocation, id: string): Promise<void> {
  const left = await location.list(id);
  await location.remove(left.map(({ name }) => name));
}

/** Without its manifest it is no backup; what cannot be removed now, `prune` removes. */
async function removeUnfinished(location: BackupLocation, id: string): Promise<void> {
  try {
    await removeAll(location, id);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
  }
}
