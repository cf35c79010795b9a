/** Names of backups, which are folders of a location. Folders with other names (`lost+found`, `.snapshots`) are ignored. */
import { BackupError } from '../repository/errors.ts';

const BACKUP_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;

export const isBackupId = (name: string): boolean => BACKUP_ID.test(name);

/** @throws BackupError if an id that a caller has chosen cannot be the name of a backup */
export function requireBackupId(id: string): void {
  if (isBackupId(id) && id !== 'latest') return;
  throw new BackupError(`${JSON.stringify(id)} cannot be the id of a backup: use up to 100 letters, digits, - and _.`);
}
