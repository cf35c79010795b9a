/** Native backups that are files: a folder each, like the portable ones, with a manifest that is written last. */
import { createHash } from 'node:crypto';
import { chmod, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { isS3BasePath } from '../config/json-strategy.ts';
import { newSortableId } from '../model/sortable-id.ts';
import { now } from '../model/timestamps.ts';
import { asLocationError } from '../objects/local-location.ts';
import { type Location, readText, type StoredObject } from '../objects/location.ts';
import { BackupError, StorageError } from '../repository/errors.ts';
import type { NativeCopy } from '../repository/native-copy.ts';
import { isBackupId, requireBackupId } from './backup-id.ts';
import { notOurs } from './create-backup.ts';
import { DamagedBackupError, NewerBackupError } from './damage.ts';
import { byBackup, compareByTime, NO_MANIFEST } from './list-backups.ts';
import { openSealed, sealedText } from './sealed-json.ts';

export const NATIVE_MANIFEST = 'native.json';
/** An empty file that is there from the beginning: it tells a backup that was cut off from what is somebody else's. */
export const NATIVE_MARK = `${NATIVE_MANIFEST}.begun`;
const FORMAT_VERSION = 1;
const FORMAT = { format: 'hostfactory-native-backup', versions: { format_version: FORMAT_VERSION } };

const file = z.object({
  /** In the backup's folder. */
  file: z.string(),
  bytes: z.int(),
  sha256: z.string(),
});

const manifest = z.object({
  format: z.literal(FORMAT.format),
  format_version: z.int(),
  id: z.string(),
  created_at: z.string(),
  finished_at: z.string(),
  source: z.object({ store: z.string(), place: z.string() }),
  /** Whether it shows the store as it was at one moment. */
  consistent: z.boolean(),
  files: z.array(file),
  checksum: z.string(),
});

export type NativeManifest = z.output<typeof manifest>;
export type NativeFile = z.output<typeof file>;

export type ListedNative =
  | { readonly id: string; readonly state: 'complete'; readonly bytes: number; readonly manifest: NativeManifest }
  | {
      readonly id: string;
      readonly state: 'incomplete' | 'damaged' | 'newer';
      readonly bytes: number;
      readonly modifiedAt: Date;
      readonly reason: string;
    };

export interface NativeBackupOptions {
  /** A folder. */
  readonly location: Location;
  /** Kind of the store, such as 'json'. */
  readonly store: string;
  /** Where the store is, for people: no secrets. */
  readonly place: string;
  readonly id?: string | undefined;
  /** Writes the store's files into an empty folder. */
  readonly copy: (folder: string, id: string) => Promise<NativeCopy>;
}

/**
 * Lets a store write its own backup, makes it durable and notes its checksums. As with `createBackup`, a call with an id
 * that the caller has chosen may be repeated.
 * @throws BackupError, or what the store throws; what was written of it is removed
 */
export async function createNativeBackup(options: NativeBackupOptions): Promise<NativeManifest> {
  const { location, store, place, copy } = options;
  if (isS3BasePath(location.text)) {
    throw new BackupError(
      'Native backups are files of this machine: name a folder with --location, and copy it to S3 afterwards. Portable ' +
        'backups, without --native, can be written to S3.',
    );
  }
  const created_at = now();
  const id = options.id ?? newSortableId('native', created_at);
  requireBackupId(id);
  const complete = await manifestOf(location, id);
  if (complete !== undefined) return complete;
  const left = await location.list(id);
  if (left.length > 0 && !left.some(({ name }) => name === `${id}/${NATIVE_MARK}`)) throw notOurs(location, id);
  const folder = join(location.text, id);
  try {
    await rm(folder, { recursive: true, force: true });
    // From now on it is listed, as one that is not finished.
    await location.write(`${id}/${NATIVE_MARK}`, new Uint8Array());
    const copied = await copy(folder, id);
    if (!('files' in copied)) throw new BackupError(`The ${store} store keeps its backups itself.`);
    if (copied.files.includes(NATIVE_MANIFEST)) {
      throw new BackupError(`A file of the store is called ${NATIVE_MANIFEST}, as the manifest is: rename it.`);
    }
    const files: NativeFile[] = [];
    for (const name of copied.files) files.push({ file: name, ...(await seal(join(folder, name))) });
    const text = sealedText({
      format: FORMAT.format,
      format_version: FORMAT_VERSION,
      id,
      created_at,
      finished_at: now(),
      source: { store, place },
      consistent: copied.consistent,
      files,
    });
    await location.write(`${id}/${NATIVE_MANIFEST}`, Buffer.from(text));
    return parse(text, id);
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => {});
    const isSystemError = error instanceof Error && 'errno' in error && !(error instanceof StorageError);
    throw isSystemError ? asLocationError(error, 'write', folder) : error;
  }
}

const parse = (text: string, id: string): NativeManifest =>
  openSealed(text, `${id}/${NATIVE_MANIFEST}`, FORMAT, manifest);

async function manifestOf(location: Location, id: string): Promise<NativeManifest | undefined> {
  const text = await readText(location, `${id}/${NATIVE_MANIFEST}`);
  return text === undefined ? undefined : parse(text, id);
}

/** Makes a file durable and private, and reads it once more. */
async function seal(path: string): Promise<Omit<NativeFile, 'file'>> {
  await chmod(path, 0o600);
  await using handle = await open(path, 'r+');
  await handle.sync();
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of handle.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** The native backups of a location, the oldest first. Sizes are compared; `verifyNativeBackup` reads everything. */
export async function listNativeBackups(location: Location): Promise<ListedNative[]> {
  const folders = [...byBackup(await location.listFolders(isBackupId))];
  const inspected = await Promise.all(folders.map(([id, files]) => inspect(location, id, files)));
  return inspected.filter((backup) => backup !== undefined).sort(compareByTime);
}

async function inspect(
  location: Location,
  id: string,
  files: readonly StoredObject[],
): Promise<ListedNative | undefined> {
  if (!files.some(({ name }) => name === `${id}/${NATIVE_MARK}`)) return undefined;
  const bytes = files.reduce((sum, found) => sum + found.bytes, 0);
  const modifiedAt = files.reduce(
    (latest, found) => (found.modifiedAt > latest ? found.modifiedAt : latest),
    new Date(0),
  );
  try {
    const found = await manifestOf(location, id);
    if (found === undefined) return { id, state: 'incomplete', bytes, modifiedAt, reason: NO_MANIFEST };
    requireFiles(found, id, new Map(files.map(({ name, bytes }) => [name, bytes])));
    return { id, state: 'complete', bytes, manifest: found };
  } catch (error) {
    if (error instanceof NewerBackupError) return { id, state: 'newer', bytes, modifiedAt, reason: error.message };
    if (error instanceof DamagedBackupError) return { id, state: 'damaged', bytes, modifiedAt, reason: error.message };
    throw error;
  }
}

function requireFiles({ id, files }: NativeManifest, folder: string, sizes: ReadonlyMap<string, number>): void {
  if (id !== folder) throw new DamagedBackupError(`${folder} was renamed: give it its name ${id} again.`);
  for (const { file: name, bytes } of files) {
    const size = sizes.get(`${id}/${name}`);
    if (size === undefined) throw new DamagedBackupError(`${id} is damaged: ${name} is missing.`);
    if (size !== bytes) throw new DamagedBackupError(`${id} is damaged: ${name} has ${size} bytes, not ${bytes}.`);
  }
}

/**
 * Reads every file and compares its checksum.
 * @throws DamagedBackupError, or BackupError where it cannot be read now
 */
export async function verifyNativeBackup(
  location: Location,
  { id, files }: NativeManifest,
  signal?: AbortSignal,
): Promise<void> {
  for (const { file: name, sha256 } of files) {
    const bytes = await location.read(`${id}/${name}`);
    const hash = createHash('sha256');
    for await (const chunk of bytes ?? []) {
      signal?.throwIfAborted();
      hash.update(chunk);
    }
    if (bytes === undefined || hash.digest('hex') !== sha256) {
      throw new DamagedBackupError(
        `The backup ${id} is damaged: ${name} is ${bytes === undefined ? 'missing' : 'not what was written'}. Choose another one.`,
      );
    }
  }
}
