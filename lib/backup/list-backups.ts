import { BackupError } from '../repository/errors.ts';
import { type BackupLocation, readText, type StoredObject } from './backup-location.ts';
import { type BackupManifest, MANIFEST, parseManifest } from './manifest.ts';

/**
 * A backup as it lies there: 'complete' where its manifest is whole and every part is there in its size; 'incomplete'
 * where it was cut off, or is being written; 'damaged' where something is missing or has another size.
 */
export type ListedBackup =
  | { readonly id: string; readonly state: 'complete'; readonly bytes: number; readonly manifest: BackupManifest }
  | {
      readonly id: string;
      readonly state: 'incomplete' | 'damaged';
      readonly bytes: number;
      readonly modifiedAt: Date;
      readonly reason: string;
    };

const byBackup = (objects: readonly StoredObject[]): Map<string, StoredObject[]> => {
  const backups = new Map<string, StoredObject[]>();
  for (const object of objects) {
    const [id = '', file] = object.name.split('/');
    if (file === undefined) continue;
    const files = backups.get(id) ?? [];
    files.push(object);
    backups.set(id, files);
  }
  return backups;
};

async function inspect(location: BackupLocation, id: string, files: readonly StoredObject[]): Promise<ListedBackup> {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const modifiedAt = files.reduce((latest, file) => (file.modifiedAt > latest ? file.modifiedAt : latest), new Date(0));
  const text = await readText(location, `${id}/${MANIFEST}`);
  if (text === undefined) {
    return {
      id,
      state: 'incomplete',
      bytes,
      modifiedAt,
      reason: 'It has no manifest: it was cut off, or is being written.',
    };
  }
  try {
    const manifest = parseManifest(text, `${id}/${MANIFEST}`);
    requireParts(manifest, new Map(files.map((file) => [file.name, file.bytes])));
    return { id, state: 'complete', bytes, manifest };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { id, state: 'damaged', bytes, modifiedAt, reason: error.message };
  }
}

function requireParts(manifest: BackupManifest, sizes: ReadonlyMap<string, number>): void {
  for (const { parts } of Object.values(manifest.collections)) {
    for (const { file, bytes } of parts) {
      const size = sizes.get(`${manifest.id}/${file}`);
      if (size === undefined) throw new BackupError(`${manifest.id} is damaged: ${file} is missing.`);
      if (size !== bytes) throw new BackupError(`${manifest.id} is damaged: ${file} has ${size} bytes, not ${bytes}.`);
    }
  }
}

/** The backups of a location, the oldest first. Sizes are compared; `verifyBackup` reads everything. */
export async function listBackups(location: BackupLocation): Promise<ListedBackup[]> {
  const backups = [...byBackup(await location.list())].filter(([, files]) => isBackup(files));
  const listed = await Promise.all(backups.map(([id, files]) => inspect(location, id, files)));
  return listed.sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1));
}

/** Other files may lie there too: native backups, logs. */
const isBackup = (files: readonly StoredObject[]): boolean =>
  files.some(({ name }) => name.endsWith(`/${MANIFEST}`) || name.includes('.ndjson.gz'));

/** When a backup was taken, or of one without a manifest, when it was last written. */
export const timeOf = (backup: ListedBackup): string =>
  backup.state === 'complete' ? backup.manifest.created_at : backup.modifiedAt.toISOString();

/**
 * The manifest of a backup, by its id or 'latest'.
 * @throws BackupError where there is none, or it is not complete
 */
export async function findBackup(location: BackupLocation, id: string): Promise<BackupManifest> {
  const backups = await listBackups(location);
  const found =
    id === 'latest' ? backups.findLast(({ state }) => state === 'complete') : backups.find((b) => b.id === id);
  if (found?.state === 'complete') return found.manifest;
  if (found !== undefined) throw new BackupError(`${found.id} cannot be used. ${found.reason}`);
  const known = backups.filter(({ state }) => state === 'complete').map((backup) => backup.id);
  const there =
    known.length === 0 ? 'no backup' : `${known.slice(-3).join(', ')}${known.length > 3 ? ' and older ones' : ''}`;
  throw new BackupError(`There is no backup ${JSON.stringify(id)} in ${location.text}; there is ${there}.`);
}
