/** Reads a store from its files: the data files and the journal. */
import { setTimeout as pause } from 'node:timers/promises';
import { collectionNames } from '../../model/collections.ts';
import { StorageDamagedError, StorageUnavailableError } from '../../repository/errors.ts';
import { adoptRecord, EntityTable } from './entity-table.ts';
import type { FileManager, JournalFile } from './file-manager.ts';
import {
  decodeHeader,
  decodeRecords,
  type FileIdentities,
  type FileIdentity,
  identify,
  isBase,
  type JournalHeader,
  type JournalRecord,
  sameIdentity,
} from './journal-format.ts';
import { tracesOf } from './kept-copies.ts';
import {
  backupOf,
  type DataFile,
  type ForeignMembers,
  isBlank,
  type Layout,
  parseFile,
  type Tables,
} from './layout.ts';
import { decodeText } from './serializer.ts';

const MAX_LOAD_ATTEMPTS = 50;

/** The content of the data files, and the commits that wait in the journal to be applied. */
export interface LoadedFiles {
  readonly tables: Tables;
  readonly foreign: ForeignMembers;
  readonly identities: FileIdentities;
  /** Data files that other programs have changed while nothing waited in the journal: their new content counts. */
  readonly edited: readonly string[];
  /** Undefined if there is no journal, or none that matches the files: the next commit begins one. */
  readonly header: JournalHeader | undefined;
  /** The `store` of the journal, even if it does not match the files. */
  readonly store: string | undefined;
  /** The number after the last one in the journal, even if it does not match the files. */
  readonly next: number;
  /** Bytes of the header. */
  readonly headerEnd: number;
  readonly records: readonly JournalRecord[];
  /** Where the valid records end. */
  readonly end: number;
}

export const newTables = (cacheSize: number): Tables =>
  new Map(collectionNames.map((name) => [name, new EntityTable(name, cacheSize)]));

/** Applies a commit to the tables. */
export function applyRecord(tables: Tables, { ops }: JournalRecord): void {
  for (const [kind, collection, id, entity] of ops) {
    const table = tables.get(collection) as EntityTable;
    if (kind === 'put') table.put(id, adoptRecord(collection, id, entity));
    else table.delete(id);
  }
}

/**
 * Reads the files, and again if they changed meanwhile.
 * @throws StorageDamagedError, StorageUnavailableError
 */
export async function loadFiles(
  files: FileManager,
  layout: Layout,
  journal: JournalFile,
  cacheSize: number,
): Promise<LoadedFiles> {
  for (let attempt = 1; attempt <= MAX_LOAD_ATTEMPTS; attempt++) {
    const loaded = await loadOnce(files, layout, journal, cacheSize);
    if (loaded !== undefined) return loaded;
    await pause(attempt);
  }
  throw new StorageUnavailableError(`${files.describe(layout.journal)} keeps changing while it is read. Try again.`);
}

/** @returns undefined if the files changed while they were read */
async function loadOnce(
  files: FileManager,
  layout: Layout,
  journal: JournalFile,
  cacheSize: number,
): Promise<LoadedFiles | undefined> {
  const bytes = await journal.readAll();
  const { header, headerEnd, records, end } = decodeJournal(files, layout, bytes);
  const tables = newTables(cacheSize);
  const foreign: ForeignMembers = new Map();
  const identities: Record<string, FileIdentity | null> = {};
  const edited: string[] = [];
  const removed: string[] = [];
  const empty: string[] = [];
  for (const file of layout.files) {
    const stored = await files.read(file.name);
    const identity = stored === undefined ? null : identify(stored.bytes);
    identities[file.name] = identity;
    const isKnown = header === undefined || isBase(header, file.name, identity);
    const isAnnounced = records.some(({ compaction }) => sameIdentity(identity, compaction?.[file.name]));
    // An empty file has been cut off, unless it was never written.
    const isEmpty = stored === undefined || isBlank(stored.bytes);
    if (isEmpty) empty.push(file.name);
    if (!isKnown && !isAnnounced) (isEmpty ? removed : edited).push(file.name);
    if (stored !== undefined) await parse(files, layout, file, stored.bytes, tables, foreign);
  }
  // A file that is published while we read is announced in the journal first, so the journal has changed, too.
  const since = await journal.poll(bytes?.length ?? 0);
  if (since === 'replaced' || (since === 'grown' && edited.length + removed.length > 0)) return undefined;
  if (bytes === undefined) await requireNoTraces(files, [...empty, layout.journal]);
  if (removed.length > 0) throw removedFiles(files, removed);
  if (edited.length > 0 && records.length > 0) throw unrelatedFiles(files, layout, edited);
  // If no commits wait, a file that was replaced while the store was closed is simply the new content.
  const usable = edited.length === 0 ? header : undefined;
  const next = (header?.next ?? 1) + records.length;
  return { tables, foreign, identities, edited, header: usable, store: header?.store, next, headerEnd, records, end };
}

/**
 * Without a journal, the data files alone count as the store, but only if nothing shows that a journal or another data
 * file existed.
 */
async function requireNoTraces(files: FileManager, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const [trace] = await tracesOf(files, name);
    if (trace === undefined) continue;
    throw new StorageDamagedError(
      `${files.describe(name)} is missing or empty, although ${files.describe(trace)} shows that it was written before. ` +
        'Nothing was overwritten. Put it back, or let `hfstorage doctor --repair` rebuild the store from the files that are left; ' +
        'to start empty, move all files of the store away.',
    );
  }
}

function decodeJournal(
  files: FileManager,
  layout: Layout,
  bytes: Buffer | undefined,
): Pick<LoadedFiles, 'header' | 'headerEnd' | 'records' | 'end'> {
  if (bytes === undefined) return { header: undefined, headerEnd: 0, records: [], end: 0 };
  const decoded = decodeHeader(bytes);
  if (decoded === undefined) throw headlessJournal(files, layout);
  const { header, end: headerEnd } = decoded;
  const { records, end, rest } = decodeRecords(bytes.subarray(headerEnd), header.next);
  if (rest === 'damaged') throw damagedJournal(files, layout, headerEnd + end);
  return { header, headerEnd, records, end: headerEnd + end };
}

async function parse(
  files: FileManager,
  layout: Layout,
  file: DataFile,
  bytes: Buffer,
  tables: Tables,
  foreign: ForeignMembers,
): Promise<void> {
  try {
    parseFile(layout, file, await decodeText(bytes), tables, foreign);
  } catch (error) {
    throw new StorageDamagedError(
      `${files.describe(file.name)} cannot be read (${(error as Error).message}). Nothing was overwritten. Its backup is ` +
        `${files.describe(backupOf(file.name))}; \`hfstorage doctor --repair\` rebuilds the file.`,
      { cause: error },
    );
  }
}

/** @param position where the damage begins */
export const damagedJournal = (files: FileManager, layout: Layout, position: number): StorageDamagedError =>
  new StorageDamagedError(
    `${files.describe(layout.journal)} is damaged at byte ${position}: commits follow that cannot be put in order. Nothing ` +
      'was overwritten. `hfstorage doctor` lists what can be recovered; `hfstorage doctor --repair` recovers it.',
  );

const headlessJournal = (files: FileManager, layout: Layout): StorageDamagedError =>
  new StorageDamagedError(
    `The first line of ${files.describe(layout.journal)} cannot be read, so it is unknown what its commits build on. ` +
      'Nothing was overwritten. `hfstorage doctor` lists what can be recovered; `hfstorage doctor --repair` recovers it.',
  );

const describeAll = (files: FileManager, names: readonly string[]): string =>
  names.map((name) => files.describe(name)).join(', ');

function removedFiles(files: FileManager, names: readonly string[]): StorageDamagedError {
  return new StorageDamagedError(
    `${describeAll(files, names)} is missing or empty, although it was written before. Nothing was overwritten. \`hfstorage ` +
      'doctor --repair` rebuilds it from its backup; to start empty, move all files of the store away.',
  );
}

function unrelatedFiles(files: FileManager, layout: Layout, names: readonly string[]): StorageDamagedError {
  return new StorageDamagedError(
    `${describeAll(files, names)} was replaced while saves were waiting in ${files.describe(layout.journal)}. Nothing was ` +
      'overwritten. `hfstorage doctor` shows both; `hfstorage doctor --repair` applies the waiting saves to the current file.',
  );
}
