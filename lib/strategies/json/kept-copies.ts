/** The copies kept beside the data files and the journal, so that whatever is replaced or cut off can be restored. */
import type { FileManager } from './file-manager.ts';
import { type FileIdentity, identify, sameIdentity } from './journal-format.ts';
import { backupOf } from './layout.ts';

/** Why a copy was set aside; part of its name. */
export type SetAsideReason = 'edited' | 'torn' | 'damaged';

const setAsideName = (name: string, reason: SetAsideReason): string =>
  `${name}.${reason}-${new Date().toISOString().replaceAll(':', '')}`;

/** Names of the copies of a file and of its backup that `repair` has set aside, the oldest first. */
export async function damagedCopiesOf(files: FileManager, name: string): Promise<string[]> {
  const copies = (await files.list(name)).filter((found) => /^(?:\.bak)?\.damaged-/.test(found.slice(name.length)));
  const time = (copy: string): string => copy.slice(copy.lastIndexOf('.damaged-'));
  return copies.sort((a, b) => (time(a) < time(b) ? -1 : 1));
}

/** Files that show that a file of this name existed: its backup, and copies that were set aside. */
export const tracesOf = async (files: FileManager, name: string): Promise<string[]> =>
  (await files.list(name)).filter((found) => /^\.(?:bak|damaged-|edited-|torn-)/.test(found.slice(name.length)));

/** Keeps a copy of a file under a name of its own, and returns that name. */
export async function setAside(files: FileManager, name: string, reason: SetAsideReason): Promise<string> {
  const copy = setAsideName(name, reason);
  await files.keepCopy(name, copy, { ownBytes: false });
  return copy;
}

/** Keeps part of a file under a name of its own, and returns that name. */
export async function setPartAside(
  files: FileManager,
  name: string,
  reason: SetAsideReason,
  part: Uint8Array,
): Promise<string> {
  const copy = setAsideName(name, reason);
  async function* content(): AsyncGenerator<Uint8Array> {
    yield part;
  }
  const staged = await files.stage(copy, content());
  await staged.publish(null);
  return copy;
}

/**
 * Keeps the content of a data file as its backup.
 * @param isReplaced if false, the file stays, so its backup must not share its bytes, and is made only once
 */
export async function keepBackup(
  files: FileManager,
  name: string,
  current: FileIdentity,
  isReplaced: boolean,
): Promise<void> {
  if (isReplaced) return files.keepCopy(name, backupOf(name), { ownBytes: false });
  const backup = await files.read(backupOf(name));
  if (backup === undefined || !sameIdentity(identify(backup.bytes), current)) {
    await files.keepCopy(name, backupOf(name), { ownBytes: true });
  }
}
