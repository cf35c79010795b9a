/** What is kept beside the data files and the journal, so that whatever is replaced or cut off can be had back. */
import type { FileManager } from './file-manager.ts';
import { type FileIdentity, identify, sameIdentity } from './journal-format.ts';
import { backupOf } from './layout.ts';

/** Why something was put aside; part of its name. */
export type AsideReason = 'edited' | 'torn' | 'damaged';

const asideName = (name: string, reason: AsideReason): string =>
  `${name}.${reason}-${new Date().toISOString().replaceAll(':', '')}`;

/** Names of the copies that `repair` has put aside: of a file, and of its backup; the oldest first. */
export async function damagedCopiesOf(files: FileManager, name: string): Promise<string[]> {
  const copies = (await files.list(name)).filter((found) => /^(?:\.bak)?\.damaged-/.test(found.slice(name.length)));
  const time = (copy: string): string => copy.slice(copy.lastIndexOf('.damaged-'));
  return copies.sort((a, b) => (time(a) < time(b) ? -1 : 1));
}

/** What lies beside a file of this name and shows that it was there: its backup, and what was put aside. */
export const tracesOf = async (files: FileManager, name: string): Promise<string[]> =>
  (await files.list(name)).filter((found) => /^\.(?:bak|damaged-|edited-|torn-)/.test(found.slice(name.length)));

/** Keeps what a file holds now under a name of its own, and returns that name. */
export async function keepAside(files: FileManager, name: string, reason: AsideReason): Promise<string> {
  const aside = asideName(name, reason);
  await files.keepCopy(name, aside, { ownBytes: false });
  return aside;
}

/** Keeps a part of a file under a name of its own, and returns that name. */
export async function keepPartAside(
  files: FileManager,
  name: string,
  reason: AsideReason,
  part: Uint8Array,
): Promise<string> {
  const aside = asideName(name, reason);
  async function* content(): AsyncGenerator<Uint8Array> {
    yield part;
  }
  const staged = await files.stage(aside, content());
  await staged.publish(null);
  return aside;
}

/**
 * Keeps what a data file holds as its backup.
 * @param isReplaced a file that stays in place gets a copy with bytes of its own, made once
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
