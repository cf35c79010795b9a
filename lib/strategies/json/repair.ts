/** Rebuilds a damaged store from its backups and journals. Whatever is replaced is kept aside. */
import { StorageDamagedError } from '../../repository/errors.ts';
import type { Finding } from '../../repository/finding.ts';
import type { FileManager } from './file-manager.ts';
import { type InspectedFile, type Inspection, knows } from './inspection.ts';
import { encodeHeader, type FileIdentity, type JournalRecord } from './journal-format.ts';
import { keepAside } from './kept-copies.ts';
import { backupOf, type ForeignMembers, fileText, type Layout } from './layout.ts';
import { applyRecord, newTables } from './load-files.ts';
import type { Serializer } from './serializer.ts';

/** Whether anything is wrong that `repair` can put right. */
export function needsRepair({ files, journal, unrelated }: Inspection): boolean {
  const unreadable = files.some(({ current }) => current.fault !== undefined || isGone(current, journal.header?.base));
  return unreadable || unrelated.length > 0 || ['torn', 'damaged', 'headless'].includes(journal.state);
}

/** Whether a file is missing that the journal says was there. */
const isGone = (
  { file, identity }: InspectedFile,
  base: Readonly<Record<string, FileIdentity | null>> | undefined,
): boolean => identity === null && (base?.[file.name] ?? null) !== null;

/**
 * Makes the store whole again: each data file as it is, or from its backup with the journal of that time, and on top the
 * commits that wait in the journal. To be called with writers kept out.
 * @throws StorageDamagedError where a file and its backup are both unusable; nothing is changed then
 */
export async function repair(
  files: FileManager,
  layout: Layout,
  serializer: Serializer,
  inspection: Inspection,
): Promise<Finding[]> {
  const { journal, journalBackup } = inspection;
  const findings: Finding[] = [];
  const tables = newTables(Number.POSITIVE_INFINITY);
  const foreign: ForeignMembers = new Map();
  const fromBackup: InspectedFile[] = [];
  for (const { current, backup } of inspection.files) {
    const damaged = current.fault !== undefined || isGone(current, journal.header?.base);
    if (!damaged) {
      current.parse?.(tables, foreign);
    } else if (backup.parse !== undefined) {
      backup.parse(tables, foreign);
      fromBackup.push(backup);
    } else {
      throw new StorageDamagedError(
        `Neither ${files.describe(current.name)} nor its backup can be read, so it cannot be rebuilt. Restore it from a ` +
          'copy of your own, then run `hfs doctor` again.',
      );
    }
  }
  const records: JournalRecord[] = [];
  if (fromBackup.length > 0) records.push(...journalBackup.records, ...journalBackup.beyond);
  records.push(...journal.records, ...journal.beyond);
  for (const record of records) applyRecord(tables, record);

  for (const backup of fromBackup) findings.push(rebuilt(files, inspection, backup));
  const lost = lostRecords(inspection);
  if (lost !== undefined) {
    findings.push({ level: 'warning', subject: files.describe(journal.name), message: lost });
  }
  await putInPlace(files, layout, serializer, inspection, () =>
    layout.files.map((file) => [file.name, fileText(layout, file, tables, foreign)] as const),
  );
  const message = `The store is whole again; ${journal.records.length + journal.beyond.length} waiting commits are in it.`;
  findings.push({ level: 'ok', subject: files.describe(layout.files[0]?.name ?? ''), message });
  return findings;
}

function rebuilt(files: FileManager, { journal, journalBackup }: Inspection, backup: InspectedFile): Finding {
  const complete = knows(journalBackup, backup) && journal.header?.follows?.id === journalBackup.header?.id;
  return {
    level: complete ? 'ok' : 'warning',
    subject: files.describe(backup.file.name),
    message: complete
      ? 'Rebuilt from its backup and the journals; nothing is missing.'
      : 'Rebuilt from its backup, but the journal that followed it is not there: saves between the two may be missing.',
  };
}

/** What damage to the journal has cost, in words. */
function lostRecords({ journal: { header, records, beyond, state } }: Inspection): string | undefined {
  if (state === 'headless') return 'Its beginning is damaged; the readable commits were used, others may be missing.';
  const [first] = beyond;
  if (state !== 'damaged' || header === undefined || first === undefined) return undefined;
  const missing = Math.max(1, first.n - header.next - records.length);
  return `About ${missing} commits in its middle cannot be read and are lost; all others were used.`;
}

async function putInPlace(
  files: FileManager,
  layout: Layout,
  serializer: Serializer,
  { files: inspected, journal }: Inspection,
  texts: () => (readonly [string, AsyncIterable<string>])[],
): Promise<void> {
  const staged = [];
  for (const [name, text] of texts()) staged.push([name, await files.stage(name, serializer.encode(text))] as const);
  for (const { current } of inspected) {
    if (current.identity !== null) await keepAside(files, current.name, 'damaged');
  }
  if (journal.state !== 'missing') await keepAside(files, journal.name, 'damaged');
  const base: Record<string, FileIdentity> = {};
  for (const [name, file] of staged) {
    await file.publish((await files.read(name))?.revision ?? null);
    base[name] = file.identity;
  }
  const fresh = files.journal(layout.journal);
  const end = (await fresh.readAll())?.length ?? 0;
  const { header, records, beyond } = journal;
  // Processes that are in the middle of it go on only with the same store, and not with an earlier day of it.
  const next = ([...records, ...beyond].at(-1)?.n ?? (header?.next ?? 1) - 1) + 1;
  const fitting = { journal: 1, id: crypto.randomUUID(), store: header?.store, base, next } as const;
  await fresh.replace(encodeHeader(fitting), end, undefined);
  await fresh.close();
  // A backup without the journal of its time would only mislead the next repair.
  await files.remove(backupOf(layout.journal));
}
