/** Names of backups, which are folders of a location. What is called otherwise (`lost+found`, `.snapshots`) is none. */
import { randomUUID } from 'node:crypto';
import { BackupError } from '../repository/errors.ts';

export const BACKUP_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;

/** An id that sorts by time and that no other backup has: `backup-20261122T100000Z-1a2b3c`. */
export const newSortableId = (prefix: string, at: string): string =>
  `${prefix}-${at.replace(/[-:]|\.\d+/g, '')}-${randomUUID().slice(0, 6)}`;

/** @throws BackupError where an id that a caller has chosen cannot be the name of a backup */
export function requireBackupId(id: string): void {
  if (BACKUP_ID.test(id) && id !== 'latest') return;
  throw new BackupError(`${JSON.stringify(id)} cannot be the id of a backup: give up to 100 letters, digits, - and _.`);
}
