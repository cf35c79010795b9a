import { collectionNames } from '../model/collections.ts';
import { type Location, readText, type StoredObject } from '../objects/location.ts';
import { isBackupId } from './backup-id.ts';
import { DamagedBackupError, NewerBackupError } from './damage.ts';
import { type BackupManifest, MANIFEST, parseManifest } from './manifest.ts';

/**
 * A backup as it lies there: 'complete' where its manifest is whole and every part is there in its size; 'incomplete'
 * where it was cut off, or is being written; 'damaged' where something is missing or has another size; 'newer' where a
 * newer version of this program wrote it.
 */
export type ListedBackup =
  | { readonly id: string; readonly state: 'complete'; readonly bytes: number; readonly manifest: BackupManifest }
  | {
      readonly id: string;
      readonly state: 'incomplete' | 'damaged' | 'newer';
      readonly bytes: number;
      readonly modifiedAt: Date;
      readonly reason: string;
    };

/** Files by the folder that they are in. */
export const byBackup = (objects: readonly StoredObject[]): Map<string, StoredObject[]> => {
  const backups = new Map<string, StoredObject[]>();
  for (const object of objects) {
    const [id = ''] = object.name.split('/');
    const files = backups.get(id) ?? [];
    files.push(object);
    backups.set(id, files);
  }
  return backups;
};

export const NO_MANIFEST = 'It has no manifest: it was cut off, or is being written.';
const PART = new RegExp(`/(?:${collectionNames.join('|')})-\\d{5,}\\.ndjson\\.gz`);
const BEGUN = `/${MANIFEST}.`;
/** Told from the `manifest.json` of other programs, where nothing else tells them apart. */
const OUR_MANIFEST = '"hostfactory-backup"';

/** Whether a file is of a portable backup: a part or the manifest, perhaps unfinished. */
export const isOfBackup = ({ name }: StoredObject): boolean => PART.test(name) || name.includes(`/${MANIFEST}`);

/** @returns undefined where the folder is not a backup: native backups, logs and whatever else may lie there too */
async function inspect(
  location: Location,
  id: string,
  files: readonly StoredObject[],
): Promise<ListedBackup | undefined> {
  const hasParts = files.some(({ name }) => PART.test(name) || name.includes(BEGUN));
  if (!hasParts && !files.some(({ name }) => name === `${id}/${MANIFEST}`)) return undefined;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const modifiedAt = files.reduce((latest, file) => (file.modifiedAt > latest ? file.modifiedAt : latest), new Date(0));
  const text = await readText(location, `${id}/${MANIFEST}`);
  if (text !== undefined && !hasParts && !text.includes(OUR_MANIFEST)) return undefined;
  if (text === undefined) {
    return { id, state: 'incomplete', bytes, modifiedAt, reason: NO_MANIFEST };
  }
  try {
    const manifest = parseManifest(text, `${id}/${MANIFEST}`);
    if (manifest.id !== id) throw new DamagedBackupError(`${id} was renamed: give it its name ${manifest.id} again.`);
    requireParts(manifest, new Map(files.map((file) => [file.name, file.bytes])));
    return { id, state: 'complete', bytes, manifest };
  } catch (error) {
    if (error instanceof NewerBackupError) return { id, state: 'newer', bytes, modifiedAt, reason: error.message };
    if (error instanceof DamagedBackupError) return { id, state: 'damaged', bytes, modifiedAt, reason: error.message };
    throw error;
  }
}

/** @throws DamagedBackupError if a part is missing or has another size. @param sizes in bytes, by name */
export function requireParts(manifest: BackupManifest, sizes: ReadonlyMap<string, number>): void {
  for (const { parts } of Object.values(manifest.collections)) {
    for (const { file, bytes } of parts) {
      const size = sizes.get(`${manifest.id}/${file}`);
      if (size === undefined) throw new DamagedBackupError(`${manifest.id} is damaged: ${file} is missing.`);
      if (size !== bytes) {
        throw new DamagedBackupError(`${manifest.id} is damaged: ${file} has ${size} bytes, not ${bytes}.`);
      }
    }
  }
}

const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** The oldest first. */
export const compareByTime = (a: Dated, b: Dated): number =>
  compareText(timeOf(a), timeOf(b)) || compareText(a.id, b.id);

/** The backups of a location, the oldest first. Sizes are compared; `verifyBackup` reads everything. */
export async function listBackups(location: Location): Promise<ListedBackup[]> {
  const folders = [...byBackup(await location.listFolders(isBackupId))];
  const inspected = await Promise.all(folders.map(([id, files]) => inspect(location, id, files)));
  const listed = inspected.filter((backup) => backup !== undefined);
  return listed.sort(compareByTime);
}

/** What tells when a backup was taken. */
export type Dated = { readonly id: string } & (
  | { readonly state: 'complete'; readonly manifest: { readonly created_at: string } }
  | { readonly state: 'incomplete' | 'damaged' | 'newer'; readonly modifiedAt: Date }
);

/** When a backup was taken, or of one without a manifest, when it was last written. */
export const timeOf = (backup: Dated): string =>
  backup.state === 'complete' ? backup.manifest.created_at : backup.modifiedAt.toISOString();
