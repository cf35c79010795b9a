/** Rebuilds a damaged store from all its files. Whatever is replaced is set aside. */
import type { Finding } from '../../repository/finding.ts';
import { beginJournal } from './begin-journal.ts';
import type { FileManager } from './file-manager.ts';
import { type Inspection, inspectKept } from './inspection.ts';
import { type FileIdentity, type JournalHeader, sameIdentity } from './journal-format.ts';
import { setAside } from './kept-copies.ts';
import { type ForeignMembers, fileText, type Layout, type Tables } from './layout.ts';
import { lineageOf } from './lineage.ts';
import { newTables } from './load-files.ts';
import { planFile, rebuild } from './rebuild-file.ts';
import { describeRepair } from './repair-findings.ts';
import type { Serializer } from './serializer.ts';

/** Whether there is damage that `repair` can mend. */
export const needsRepair = ({ files, journal, unrelated, gone }: Inspection): boolean =>
  files.some(({ current }) => current.fault !== undefined) ||
  gone.length > 0 ||
  unrelated.length > 0 ||
  ['torn', 'damaged', 'headless'].includes(journal.state);

/**
 * Makes the store whole again: rebuilds each data file from the content that the journals continue and their commits, or, if
 * there is none, from the newest version found of each entity. Call it with writers kept out.
 * @throws StorageDamagedError if nothing of a file can be read; then nothing is changed
 */
export async function repair(
  files: FileManager,
  layout: Layout,
  serializer: Serializer,
  inspection: Inspection,
): Promise<Finding[]> {
  const kept = await inspectKept(files, layout);
  const lineage = lineageOf(inspection, kept);
  const plans = inspection.files.map((inspected) => planFile(files, inspected, kept, lineage, inspection));
  const tables = newTables(Number.POSITIVE_INFINITY);
  const foreign: ForeignMembers = new Map();
  for (const plan of plans) rebuild(plan, tables, foreign);
  await publish(files, layout, serializer, inspection, { tables, foreign, next: lineage.last + 1 });
  return describeRepair(files, inspection, lineage, plans, tables);
}

/**
 * A crash at any moment leaves the store either whole or still refused, so that it can be repaired again: whatever is
 * replaced is set aside first, and the data files, which hold everything, come before the journal, which names them.
 */
async function publish(
  files: FileManager,
  layout: Layout,
  serializer: Serializer,
  { files: inspected, journal, journalBackup }: Inspection,
  content: { readonly tables: Tables; readonly foreign: ForeignMembers; readonly next: number },
): Promise<void> {
  const staged = [];
  for (const file of layout.files) {
    const text = fileText(layout, file, content.tables, content.foreign);
    staged.push([file.name, await files.stage(file.name, serializer.encode(text))] as const);
  }
  const base: Record<string, FileIdentity> = Object.fromEntries(staged.map(([name, { identity }]) => [name, identity]));
  for (const found of inspected.flatMap(({ current, backup }) => [current, backup])) {
    const stays = found.identity === null || sameIdentity(found.identity, base[found.file.name]);
    if (!stays) await setAside(files, found.name, 'damaged');
  }
  for (const { name, records, beyond, cutOff } of [journal, journalBackup]) {
    if (records.length + beyond.length > 0 || cutOff) await setAside(files, name, 'damaged');
  }
  for (const [name, file] of staged) await file.publish((await files.read(name))?.revision ?? null);
  const fresh = files.journal(layout.journal);
  const end = (await fresh.readAll())?.length ?? 0;
  // Processes that have the store open continue only if it is still the same store.
  const { store } = journal.header ?? {};
  const header: JournalHeader = { journal: 1, id: crypto.randomUUID(), store, base, next: content.next };
  try {
    await beginJournal(files, layout, fresh, header, end);
  } finally {
    await fresh.close();
  }
}
