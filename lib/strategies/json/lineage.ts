/** Which commits can be found, over all journals that continue one another, and what they come on top of. */
import type { InspectedFile, InspectedJournal, Inspection, KeptCopies } from './inspection.ts';
import { isKnownTo } from './inspection.ts';
import type { JournalRecord } from './journal-format.ts';

export interface Lineage {
  /** By their number: along journals that continue one another there are no gaps, and each number stands for one commit. */
  readonly records: ReadonlyMap<number, JournalRecord>;
  /** The number of the last commit that was found. */
  readonly last: number;
  /** Whether more commits may have followed that one, of which nothing is left. */
  readonly endIsUnknown: boolean;
  /**
   * The number of the first commit that comes on top of this content of a data file, undefined where no journal knows
   * the content.
   */
  startOn(file: InspectedFile): number | undefined;
}

/** The journals of `all` that this one continues, with itself, the newest first. */
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

/** The commits that a journal shares with the one that continues it, which gives the number of its last announcement anew. */
function handedOn(journal: InspectedJournal): JournalRecord[] {
  const records = recordsOf(journal);
  return records.slice(0, records.findLastIndex(({ compaction }) => compaction === undefined) + 1);
}

export function lineageOf({ journal, journalBackup }: Inspection, kept: KeptCopies): Lineage {
  const all = [journal, journalBackup, ...kept.journals.toReversed()];
  // A journal without a readable header is the one that continues its backup, or the last one that was kept.
  const continued = new Set(all.map(({ header }) => header?.follows?.id));
  const isLast = ({ header }: InspectedJournal): boolean => header !== undefined && !continued.has(header.id);
  const root = journal.header !== undefined ? journal : (all.find(isLast) ?? journal);
  const line = ancestry(root, all);
  const records = new Map<number, JournalRecord>();
  for (const found of new Set([...line.toReversed(), journal])) {
    for (const record of found === journal ? recordsOf(found) : handedOn(found)) records.set(record.n, record);
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

/** The commits from a number on, in order, and the numbers of those that are missing among them. */
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
