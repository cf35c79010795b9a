/** The commits that can be found in all journals that continue one another, and the contents that they build on. */
import type { InspectedFile, InspectedJournal, Inspection, KeptCopies } from './inspection.ts';
import { isKnownTo } from './inspection.ts';
import type { JournalRecord } from './journal-format.ts';

export interface Lineage {
  /** By number: journals that continue one another leave no gaps, and each number stands for one commit. */
  readonly records: ReadonlyMap<number, JournalRecord>;
  /** The number of the last commit that was found. */
  readonly last: number;
  /** Whether more commits may have followed, of which nothing is left. */
  readonly endIsUnknown: boolean;
  /**
   * The number of the first commit that builds on this content of a data file; undefined if no journal knows the content.
   */
  startOn(file: InspectedFile): number | undefined;
}

/** The journal `newest` and those of `all` that it continues, the newest first. */
function ancestry(newest: InspectedJournal, all: readonly InspectedJournal[]): InspectedJournal[] {
  const line: InspectedJournal[] = [];
  const seen = new Set<string>();
  for (let id = newest.header?.id; id !== undefined && !seen.has(id); ) {
    seen.add(id);
    const copies = all.filter(({ header }) => header?.id === id);
    line.push(...copies);
    id = copies[0]?.header?.follows?.id;
  }
  return line;
}

const recordsOf = ({ records, beyond }: InspectedJournal): JournalRecord[] => [...records, ...beyond];

/** The commits that a journal shares with its continuation, which reuses the number of its last announcement. */
function sharedCommits(journal: InspectedJournal): JournalRecord[] {
  const records = recordsOf(journal);
  return records.slice(0, records.findLastIndex(({ compaction }) => compaction === undefined) + 1);
}

export function lineageOf({ journal, journalBackup }: Inspection, kept: KeptCopies): Lineage {
  const all = [journal, journalBackup, ...kept.journals.toReversed()];
  // A journal without a readable header continues its backup, or the last journal that was set aside.
  const continued = new Set(all.map(({ header }) => header?.follows?.id));
  const isLast = ({ header }: InspectedJournal): boolean => header !== undefined && !continued.has(header.id);
  const root = journal.header !== undefined ? journal : (all.find(isLast) ?? journal);
  const line = ancestry(root, all);
  const records = new Map<number, JournalRecord>();
  for (const found of new Set([...line.toReversed(), journal])) {
    for (const record of found === journal ? recordsOf(found) : sharedCommits(found)) records.set(record.n, record);
  }
  const before = Math.max(0, ...line.map(({ header }) => (header?.next ?? 1) - 1));
  return {
    records,
    last: [...records.keys()].reduce((last, n) => Math.max(last, n), before),
    endIsUnknown: journal.header === undefined && (journal.beyond.length === 0 || root !== journalBackup),
    startOn: (file) => {
      const starts = line.flatMap((one) => (isKnownTo(one, file) ? [(one.header as { next: number }).next] : []));
      return starts.length === 0 ? undefined : Math.max(...starts);
    },
  };
}

/** The commits from a number on, in order, and the numbers of those that are missing. */
export function commitsFrom({ records, last }: Lineage, start: number): { found: JournalRecord[]; missing: number[] } {
  const found: JournalRecord[] = [];
  const missing: number[] = [];
  for (let n = start; n <= last; n++) {
    const record = records.get(n);
    if (record === undefined) missing.push(n);
    else found.push(record);
  }
  return { found, missing };
}
