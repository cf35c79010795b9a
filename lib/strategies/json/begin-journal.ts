import type { FileManager, JournalFile } from './file-manager.ts';
import { JournalChanged } from './file-manager.ts';
import { encodeHeader, type JournalHeader } from './journal-format.ts';
import { keepBackup } from './kept-copies.ts';
import { backupOf, type Layout } from './layout.ts';

/**
 * Begins a journal that continues no other, on top of the current data files. Their backups then have the same content,
 * and the backup of the journal is its first line, so that from the first commit on each file can be rebuilt from the
 * others. A crash half way loses nothing: the data files are not touched, and hold everything.
 * @param position where the journal that this one replaces ends
 * @returns bytes of the header
 */
export async function beginJournal(
  files: FileManager,
  layout: Layout,
  journal: JournalFile,
  header: JournalHeader,
  position: number,
): Promise<number> {
  for (const { name } of layout.files) {
    const identity = header.base[name] ?? null;
    if (identity !== null) await keepBackup(files, name, identity, false);
  }
  const head = encodeHeader(header);
  const backup = backupOf(layout.journal);
  const replaced = (await files.read(backup))?.revision ?? null;
  await journal.replace(head, position, undefined);
  try {
    const staged = await files.stage(
      backup,
      (async function* () {
        yield head;
      })(),
    );
    await staged.publish(replaced);
  } catch (error) {
    // Another process has compacted this journal already, and kept it.
    if (!(error instanceof JournalChanged)) throw error;
  }
  return head.length;
}
