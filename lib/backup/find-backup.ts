import type { Location } from '../objects/location.ts';
import { BackupError } from '../repository/errors.ts';
import { DamagedBackupError, NewerBackupError } from './damage.ts';
import { type ListedBackup, listBackups } from './list-backups.ts';
import type { BackupManifest } from './manifest.ts';
import { type ListedNative, listNativeBackups, type NativeManifest } from './native-backups.ts';

/** Ids that a message names. */
const MOST_NAMED = 3;

const isComplete = ({ state }: ListedBackup | ListedNative): boolean => state === 'complete';

/** @throws DamagedBackupError, NewerBackupError where it is not complete */
function manifestIn<M>(
  backup:
    | { readonly id: string; readonly state: 'complete'; readonly manifest: M }
    | { readonly id: string; readonly state: 'incomplete' | 'damaged' | 'newer'; readonly reason: string },
): M {
  if (backup.state === 'complete') return backup.manifest;
  const Reason = backup.state === 'newer' ? NewerBackupError : DamagedBackupError;
  throw new Reason(`${backup.id} cannot be used. ${backup.reason}`);
}

/** A backup that was found, and what was passed over on the way. */
export interface FoundBackup {
  readonly manifest: BackupManifest;
  /** Where 'latest' was asked for: newer backups that cannot be used. */
  readonly passedOver: readonly ListedBackup[];
}

/**
 * A portable backup, by its id or 'latest', which is the newest that is complete.
 * @throws BackupError where there is none; DamagedBackupError, NewerBackupError
 */
export async function locateBackup(location: Location, id: string): Promise<FoundBackup> {
  const backups = await listBackups(location);
  const at = id === 'latest' ? backups.findLastIndex(isComplete) : backups.findIndex((backup) => backup.id === id);
  const found = backups[at];
  if (found === undefined) throw await notFound(location, id, backups);
  return { manifest: manifestIn(found), passedOver: id === 'latest' ? backups.slice(at + 1) : [] };
}

/** The manifest of a portable backup: see `locateBackup`. */
export const findBackup = async (location: Location, id: string): Promise<BackupManifest> =>
  (await locateBackup(location, id)).manifest;

/**
 * A native backup, by its id; undefined where there is none.
 * @throws DamagedBackupError, NewerBackupError
 */
export async function findNativeBackup(location: Location, id: string): Promise<NativeManifest | undefined> {
  const found = (await listNativeBackups(location)).find((backup) => backup.id === id);
  return found && manifestIn(found);
}

async function notFound(location: Location, id: string, backups: readonly ListedBackup[]): Promise<BackupError> {
  if ((await listNativeBackups(location)).some((backup) => backup.id === id)) {
    return new BackupError(
      `${id} is a native backup, which the store's own programs restore: docs/backup-and-recovery.md says how.`,
    );
  }
  const known = backups.filter(isComplete).map((backup) => backup.id);
  const older = known.length > MOST_NAMED ? ' and older ones' : '';
  const there = known.length === 0 ? 'no complete backup' : `${known.slice(-MOST_NAMED).join(', ')}${older}`;
  return new BackupError(`There is no backup ${JSON.stringify(id)} in ${location.text}; there is ${there}.`);
}
