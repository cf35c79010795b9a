/** Decides what a data file is rebuilt from, and rebuilds it. */
import { StorageDamagedError } from '../../repository/errors.ts';
import { adoptRecord, type EntityTable } from './entity-table.ts';
import type { FileManager } from './file-manager.ts';
import type { InspectedFile, Inspection, KeptCopies } from './inspection.ts';
import type { JournalOperation, JournalRecord } from './journal-format.ts';
import type { DataFile, ForeignMembers, Tables } from './layout.ts';
import { commitsFrom, type Lineage } from './lineage.ts';
import { newTables } from './load-files.ts';

export interface FilePlan {
  readonly file: DataFile;
  /**
   * 'chain': the journals continue the content, so nothing is missing but the commits in `missing`.
   * 'replaced': another program has replaced the file, and the waiting commits are applied to it.
   * 'salvage': the newest version of each entity in everything that can be read.
   */
  readonly kind: 'chain' | 'replaced' | 'salvage';
  /** If several hold an entity in the same version, the last one wins. */
  readonly contents: readonly InspectedFile[];
  /** Commits that count only where they are newer than the contents: it is unknown what they build on. */
  readonly older: readonly JournalRecord[];
  readonly records: readonly JournalRecord[];
  /** Numbers of commits that cannot be read. */
  readonly missing: readonly number[];
}

const isReadable = ({ parse, identity }: InspectedFile): boolean => parse !== undefined || identity === null;

/** @throws StorageDamagedError if nothing that the file could be rebuilt from can be read */
export function planFile(
  files: FileManager,
  { current, backup }: Inspection['files'][number],
  kept: KeptCopies,
  lineage: Lineage,
  { journal, journalBackup }: Inspection,
): FilePlan {
  const { file } = current;
  const copies = kept.contents.get(file.name) ?? [];
  const nothing: InspectedFile = { ...current, identity: null, parse: undefined, fault: undefined };
  const usable = current.parse !== undefined && (!current.isBlank || lineage.startOn(current) !== undefined);
  const waiting = [...journal.records, ...journal.beyond];
  if (usable && lineage.startOn(current) === undefined) {
    const missing = journal.header === undefined ? [] : commitsFrom(lineage, journal.header.next).missing;
    return { file, kind: 'replaced', contents: [current], older: [], records: waiting, missing };
  }
  const candidates = usable ? [current] : [backup, ...copies.toReversed(), nothing].filter(isReadable);
  const [best] = candidates
    .flatMap((content) => {
      const start = lineage.startOn(content);
      return start === undefined ? [] : [{ content, start }];
    })
    .sort((a, b) => b.start - a.start);
  if (best !== undefined) {
    const { found, missing } = commitsFrom(lineage, best.start);
    return { file, kind: 'chain', contents: [best.content], older: [], records: found, missing };
  }
  const contents = [...copies, backup].filter(({ parse }) => parse !== undefined);
  if (contents.length === 0) {
    throw new StorageDamagedError(
      `Neither ${files.describe(file.name)} nor its backup can be read, so it cannot be rebuilt. Restore it from a ` +
        'copy of your own, then run `hfstorage doctor` again.',
    );
  }
  const older = kept.journals.flatMap(({ records, beyond }) => [...records, ...beyond]);
  const records = [...journalBackup.records, ...journalBackup.beyond, ...waiting];
  return { file, kind: 'salvage', contents, older, records, missing: [] };
}

/** Rebuilds the content of a file in the tables of its collections. */
export function rebuild(
  { file, kind, contents, older, records }: FilePlan,
  tables: Tables,
  foreign: ForeignMembers,
): void {
  if (kind !== 'salvage') for (const { parse } of contents) parse?.(tables, foreign);
  else for (const content of contents) merge(content, tables, foreign);
  const isOurs = ([, collection]: JournalOperation): boolean => file.collections.includes(collection);
  // An entity deleted at an unknown time may have been created again since, so deletions are ignored.
  for (const { ops } of older) for (const op of ops) if (isOurs(op) && op[0] === 'put') apply(tables, op, true);
  for (const { ops } of records) for (const op of ops) if (isOurs(op)) apply(tables, op, kind !== 'chain');
}

function merge(content: InspectedFile, tables: Tables, foreign: ForeignMembers): void {
  const found = newTables(Number.POSITIVE_INFINITY);
  content.parse?.(found, foreign);
  for (const name of content.file.collections) {
    const table = tables.get(name) as EntityTable;
    for (const [id, entity] of (found.get(name) as EntityTable).entries()) {
      if ((table.get(id)?.version ?? 0) <= entity.version) table.put(id, entity);
    }
  }
}

/** @param onlyNewer skips an entity that the table holds in a newer version */
function apply(tables: Tables, [kind, collection, id, entity]: JournalOperation, onlyNewer: boolean): void {
  const table = tables.get(collection) as EntityTable;
  if (kind === 'delete') {
    table.delete(id);
    return;
  }
  const adopted = adoptRecord(collection, id, entity);
  if (!onlyNewer || (table.get(id)?.version ?? 0) <= adopted.version) table.put(id, adopted);
}
