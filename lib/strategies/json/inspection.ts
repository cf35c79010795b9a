/** What the files of a store look like to `hfs doctor`: read without changing anything, damaged or not. */
import type { FileManager } from './file-manager.ts';
import {
  decodeHeader,
  decodeRecords,
  type FileIdentity,
  identify,
  isBase,
  type JournalHeader,
  type JournalRecord,
  sameIdentity,
} from './journal-format.ts';
import { backupOf, type DataFile, type ForeignMembers, type Layout, parseFile, type Tables } from './layout.ts';
import { newTables } from './load-files.ts';
import { decodeText } from './serializer.ts';

/** A data file, or the backup of one. */
export interface InspectedFile {
  readonly file: DataFile;
  readonly name: string;
  readonly identity: FileIdentity | null;
  /** Puts the content into tables; undefined where the file is missing or damaged. */
  readonly parse: ((tables: Tables, foreign: ForeignMembers) => void) | undefined;
  /** Why it cannot be read. */
  readonly fault: string | undefined;
}

export interface InspectedJournal {
  readonly name: string;
  readonly state: 'missing' | 'sound' | 'torn' | 'damaged' | 'headless';
  readonly bytes: number;
  readonly header: JournalHeader | undefined;
  /** Valid records before any damage. */
  readonly records: readonly JournalRecord[];
  /** Valid records after it. */
  readonly beyond: readonly JournalRecord[];
}

export interface Inspection {
  readonly files: readonly { readonly current: InspectedFile; readonly backup: InspectedFile }[];
  readonly journal: InspectedJournal;
  readonly journalBackup: InspectedJournal;
  /** Data files whose content the journal does not know although commits wait in it. */
  readonly unrelated: readonly InspectedFile[];
}

async function inspectFile(files: FileManager, layout: Layout, file: DataFile, name: string): Promise<InspectedFile> {
  const bytes = (await files.read(name))?.bytes;
  if (bytes === undefined) return { file, name, identity: null, parse: undefined, fault: undefined };
  const identity = identify(bytes);
  try {
    const text = await decodeText(bytes);
    const parse = (tables: Tables, foreign: ForeignMembers): void => parseFile(layout, file, text, tables, foreign);
    parse(newTables(0), new Map());
    return { file, name, identity, parse, fault: undefined };
  } catch (error) {
    return { file, name, identity, parse: undefined, fault: (error as Error).message };
  }
}

async function inspectJournal(files: FileManager, name: string): Promise<InspectedJournal> {
  const bytes = (await files.read(name))?.bytes;
  const nothing = { name, bytes: bytes?.length ?? 0, header: undefined, records: [], beyond: [] };
  if (bytes === undefined) return { ...nothing, state: 'missing' };
  const decoded = decodeHeader(bytes);
  if (decoded === undefined) {
    // Without a header nothing says which record is the first, so that none counts as being in its place.
    const { beyond } = decodeRecords(bytes, Number.NaN);
    return { ...nothing, state: 'headless', beyond: beyond.filter(({ ops }) => Array.isArray(ops)) };
  }
  const { records, beyond, rest } = decodeRecords(bytes.subarray(decoded.end), decoded.header.next);
  const state = rest === 'none' ? 'sound' : rest;
  return { name, bytes: bytes.length, header: decoded.header, records, beyond, state };
}

/** Whether a journal comes on top of this content of a data file, or announces it. */
export const knows = ({ header, records }: InspectedJournal, { file, identity }: InspectedFile): boolean =>
  (header !== undefined && isBase(header, file.name, identity)) ||
  records.some(({ fold }) => sameIdentity(identity, fold?.[file.name]));

export async function inspect(files: FileManager, layout: Layout): Promise<Inspection> {
  const inspected = await Promise.all(
    layout.files.map(async (file) => ({
      current: await inspectFile(files, layout, file, file.name),
      backup: await inspectFile(files, layout, file, backupOf(file.name)),
    })),
  );
  const journal = await inspectJournal(files, layout.journal);
  const journalBackup = await inspectJournal(files, backupOf(layout.journal));
  const unrelated =
    journal.header === undefined || journal.records.length === 0
      ? []
      : inspected.map(({ current }) => current).filter((file) => !knows(journal, file));
  return { files: inspected, journal, journalBackup, unrelated };
}
