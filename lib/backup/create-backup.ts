import { type CollectionName, collectionNames } from '../model/collections.ts';
import { newSortableId } from '../model/sortable-id.ts';
import { now } from '../model/timestamps.ts';
import { type Location, readText } from '../objects/location.ts';
import { BackupError } from '../repository/errors.ts';
import type { StorageStrategy } from '../repository/storage-strategy.ts';
import { ContentDigest } from '../transfer/content-digest.ts';
import { LocalSteps, type Steps } from '../transfer/steps.ts';
import { requireAllDeclared } from '../transfer/undeclared-columns.ts';
import { allSegments } from '../transfer/unit.ts';
import { MemoryState, type WorkState } from '../transfer/work-state.ts';
import { requireBackupId } from './backup-id.ts';
import type { BackupFailure } from './backup-order.ts';
import { isOfBackup, requireParts } from './list-backups.ts';
import {
  type BackupManifest,
  FORMAT_VERSION,
  MANIFEST,
  manifestText,
  parseManifest,
  SCHEMA_VERSION,
} from './manifest.ts';
import { type BackupPhases, backupPhases, MOMENT, type Written } from './write-parts.ts';

/** Segments of a collection, if they can be read at the same time. */
const SEGMENTS = 4;

export interface BackupOptions {
  readonly location: Location;
  /** Where the store is, for people: no secrets. */
  readonly place: string;
  /** Begins the backup's id, such as 'backup'. */
  readonly prefix?: string;
  /** The id itself, if the caller has chosen it; by `newSortableId` if left out. */
  readonly id?: string | undefined;
  /** Where the progress is kept, so that a backup that was interrupted continues; begun anew if left out. */
  readonly state?: WorkState | undefined;
  /** Called with the entities written since the last call. */
  readonly progress?: ((collection: CollectionName, entities: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A folder that resembles a backup but is none is never removed. */
export const notOurs = (location: Location, id: string): BackupError =>
  new BackupError(`${location.text} already has a ${id} that is not a backup: choose another id.`);

/**
 * Writes every entity of a store, invalid records included, as compressed NDJSON with a manifest. The entities are those
 * of one moment if the store can show one (`snapshotReads`), which the manifest says.
 *
 * With an id that the caller has chosen, the call may be repeated: a backup that is complete is returned as it is, and one
 * that was interrupted is continued or begun again. Two calls with the same id must not run at the same time.
 * @throws BackupError if it cannot be written; without `state`, what was written of it is removed
 * @throws ConfigurationError if the store has columns that the backup would not hold; nothing is written then
 */
export async function createBackup(strategy: StorageStrategy, options: BackupOptions): Promise<BackupManifest> {
  const { location, place, prefix = 'backup', state = new MemoryState(), progress, signal } = options;
  const id = options.id ?? newSortableId(prefix, now());
  const steps = new LocalSteps(backupPhases({ id, strategy, location }), state, {
    signal,
    progress: progress && ((_, ...count) => progress(...count)),
  });
  try {
    const manifest = await takeBackup(steps, { id, strategy, place, location });
    // The manifest says it all.
    await state.clear();
    return manifest;
  } catch (error) {
    if (options.state === undefined) {
      if ((await state.read(BEGUN)) !== undefined) await removeUnfinished(location, id);
    } else if (signal?.aborted !== true) {
      const failure: BackupFailure = { at: now(), message: (error as Error).message };
      // The first error says more.
      await state.write('failure', failure).catch(() => {});
    }
    throw error;
  }
}

export interface BackupToTake {
  readonly id: string;
  readonly strategy: StorageStrategy;
  readonly place: string;
  readonly location: Location;
}

/** Name of the step in which the folder of the backup is claimed. */
const BEGUN = 'backup/begun';

/** The steps of a backup, by itself or as a part of other long work. */
export async function takeBackup(
  steps: Steps<BackupPhases>,
  { id, strategy, place, location }: BackupToTake,
): Promise<BackupManifest> {
  requireBackupId(id);
  const complete = await manifestOf(location, id);
  if (complete !== undefined) return complete;
  const created_at = await steps.once(BEGUN, async () => {
    await requireAllDeclared(strategy, place);
    await removeLeftOver(location, id);
    return now();
  });
  const { capabilities } = strategy;
  const consistent = capabilities.snapshotReads;
  const written = consistent
    ? await steps.each('back-up-moment', [MOMENT])
    : await steps.each('back-up', allSegments(capabilities, SEGMENTS));
  const source = { store: strategy.name, place };
  return seal(location, { id, created_at, source, consistent, collections: collectionsOf(written) });
}

function collectionsOf(written: Written): BackupManifest['collections'] {
  const collections = collectionNames.map((name) => {
    const digest = ContentDigest.of(written[name].digest);
    return [name, { entities: digest.count, digest: digest.text, parts: written[name].parts }];
  });
  return Object.fromEntries(collections) as BackupManifest['collections'];
}

type BackupContent = Pick<BackupManifest, 'id' | 'created_at' | 'source' | 'consistent' | 'collections'>;

/** Writes the manifest, once all parts are stored: it makes a backup of them. */
async function seal(location: Location, content: BackupContent): Promise<BackupManifest> {
  const { id } = content;
  const text = manifestText({
    format: 'hostfactory-backup',
    format_version: FORMAT_VERSION,
    schema_version: SCHEMA_VERSION,
    ...content,
    finished_at: now(),
  });
  const manifest = parseManifest(text, id);
  requireParts(manifest, new Map((await location.list(id)).map(({ name, bytes }) => [name, bytes])));
  await location.write(`${id}/${MANIFEST}`, Buffer.from(text));
  return manifest;
}

async function manifestOf(location: Location, id: string): Promise<BackupManifest | undefined> {
  const name = `${id}/${MANIFEST}`;
  const text = await readText(location, name);
  return text === undefined ? undefined : parseManifest(text, name);
}

/** Removes what a backup of the same id left that was interrupted. @throws BackupError if the folder holds anything else */
async function removeLeftOver(location: Location, id: string): Promise<void> {
  const left = await location.list(id);
  if (!left.every(isOfBackup)) throw notOurs(location, id);
  await location.remove(left.map(({ name }) => name));
}

/** Without its manifest it is no backup; `prune` removes what cannot be removed now. */
async function removeUnfinished(location: Location, id: string): Promise<void> {
  try {
    await removeLeftOver(location, id);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
  }
}
