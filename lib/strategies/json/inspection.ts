/** Inspects the files of a store, damaged or not, for `hfstorage doctor`, without changing anything. */
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
import { damagedCopiesOf, tracesOf } from './kept-copies.ts';
import {
  backupOf,
  type DataFile,
  type ForeignMembers,
  isBlank,
  type Layout,
  parseFile,
  type Tables,
} from './layout.ts';
import { newTables } from './load-files.ts';
import { decodeText } from './serializer.ts';

/** A data file, or the backup of one. */
export interface InspectedFile {
  readonly file: DataFile;
  readonly name: string;
  readonly identity: FileIdentity | null;
  /** Puts the content into tables; undefined if the file is missing or damaged. */
  readonly parse: ((tables: Tables, foreign: ForeignMembers) => void) | undefined;
  /** Why it cannot be read. */
  readonly fault: string | undefined;
  /** Whether it holds nothing, not even a JSON object. */
  readonly isBlank: boolean;
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
  /** Whether it ends in bytes that are no valid record. */
  readonly cutOff: boolean;
}

export interface Inspection {
  readonly files: readonly { readonly current: InspectedFile; readonly backup: InspectedFile }[];
  readonly journal: InspectedJournal;
  readonly journalBackup: InspectedJournal;
  /** Data files with content that the journal does not know, although commits wait in it. */
  readonly unrelated: readonly InspectedFile[];
  /** Names of missing files that existed before, as files beside them show. */
  readonly gone: readonly string[];
}

/** Copies that earlier repairs have set aside, the oldest first. */
export interface KeptCopies {
  readonly contents: ReadonlyMap<string, readonly InspectedFile[]>;
  readonly journals: readonly InspectedJournal[];
}

async function inspectFile(files: FileManager, layout: Layout, file: DataFile, name: string): Promise<InspectedFile> {
  const bytes = (await files.read(name))?.bytes;
  const nothing = { file, name, identity: null, parse: undefined, fault: undefined, isBlank: false };
  if (bytes === undefined) return nothing;
  const identity = identify(bytes);
  try {
    const text = await decodeText(bytes);
    const parse = (tables: Tables, foreign: ForeignMembers): void => parseFile(layout, file, text, tables, foreign);
    parse(newTables(0), new Map());
    return { ...nothing, identity, parse, isBlank: isBlank(text) };
  } catch (error) {
    return { ...nothing, identity, fault: (error as Error).message };
  }
}

async function inspectJournal(files: FileManager, name: string): Promise<InspectedJournal> {
  const bytes = (await files.read(name))?.bytes;
  const nothing = { name, bytes: bytes?.length ?? 0, header: undefined, records: [], beyond: [] };
  if (bytes === undefined) return { ...nothing, state: 'missing', cutOff: false };
  const decoded = decodeHeader(bytes);
  if (decoded === undefined) {
    // Without a header nothing says which record is the first, so no record counts as being in order.
    const { beyond, cutOff } = decodeRecords(bytes, Number.NaN);
    return { ...nothing, state: 'headless', beyond: beyond.filter(({ ops }) => Array.isArray(ops)), cutOff };
  }
  const { rest, ...decodedRecords } = decodeRecords(bytes.subarray(decoded.end), decoded.header.next);
  const state = rest === 'none' ? 'sound' : rest;
  const { records, beyond, cutOff } = decodedRecords;
  return { name, bytes: bytes.length, header: decoded.header, records, beyond, cutOff, state };
}

/** Whether a journal builds on this content of a data file, or announces it. */
export const isKnownTo = ({ header, records }: InspectedJournal, { file, identity }: InspectedFile): boolean =>
  (header !== undefined && isBase(header, file.name, identity)) ||
  records.some(({ compaction }) => sameIdentity(identity, compaction?.[file.name]));

export async function inspect(files: FileManager, layout: Layout): Promise<Inspection> {
  const journal = await inspectJournal(files, layout.journal);
  const journalBackup = await inspectJournal(files, backupOf(layout.journal));
  const inspected = await Promise.all(
    layout.files.map(async (file) => ({
      current: emptied(journal, await inspectFile(files, layout, file, file.name)),
      backup: await inspectFile(files, layout, file, backupOf(file.name)),
    })),
  );
  const unrelated =
    journal.header === undefined || journal.records.length === 0
      ? []
      : inspected.map(({ current }) => current).filter((file) => !isKnownTo(journal, file));
  return { files: inspected, journal, journalBackup, unrelated, gone: await goneFiles(files, inspected, journal) };
}

/** An empty file that was written before has been cut off: a fault, unlike a file that was never written. */
const emptied = ({ header }: InspectedJournal, file: InspectedFile): InspectedFile =>
  file.isBlank &&
  (header?.base[file.name] ?? null) !== null &&
  !isBase(header as JournalHeader, file.name, file.identity)
    ? { ...file, parse: undefined, fault: 'it is empty, although it was written before' }
    : file;

async function goneFiles(
  files: FileManager,
  inspected: Inspection['files'],
  { name, state, header }: InspectedJournal,
): Promise<string[]> {
  const currents = inspected.map(({ current }) => current);
  if (state !== 'missing') {
    const isMissing = ({ file, identity }: InspectedFile) =>
      identity === null && (header?.base[file.name] ?? null) !== null;
    return currents.filter(isMissing).map((file) => file.name);
  }
  const empty = currents.filter(({ identity, isBlank }) => identity === null || isBlank);
  const names = [...empty.map((file) => file.name), name];
  const traces = await Promise.all(names.map((missed) => tracesOf(files, missed)));
  return names.filter((_, i) => (traces[i] as string[]).length > 0);
}

/** Reads the copies that earlier repairs have set aside. */
export async function inspectKept(files: FileManager, layout: Layout): Promise<KeptCopies> {
  const contents = new Map<string, InspectedFile[]>();
  for (const file of layout.files) {
    const copies = await damagedCopiesOf(files, file.name);
    contents.set(file.name, await Promise.all(copies.map((copy) => inspectFile(files, layout, file, copy))));
  }
  const journals = await damagedCopiesOf(files, layout.journal);
  return { contents, journals: await Promise.all(journals.map((copy) => inspectJournal(files, copy))) };
}
