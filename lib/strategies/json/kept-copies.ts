/** What is kept beside the data files and the journal, so that whatever is replaced or cut off can be had back. */
import type { FileManager } from './file-manager.ts';
import { type FileIdentity, identify, sameIdentity } from './journal-format.ts';
import { backupOf } from './layout.ts';

/** Why something was put aside; part of its name. */
export type AsideReason = 'edited' | 'torn' | 'damaged';

const asideName = (name: string, reason: AsideReason): string =>
  `${name}.${reason}-${new Date().toISOString().replaceAll(':', '')}`;

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
