/**
 * The journal: the commits since the data files were written. Lines of text, each `<crc32 of the rest> <JSON>`; the first
 * is the header, each of the others one commit. A commit contains whole entities, so replaying a journal over a data file
 * that already holds part of it ends in the same state.
 */
import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { CollectionName } from '../../model/collections.ts';
import type { JsonObject } from '../../model/entities.ts';
import { parseJson } from '../../model/parse-json.ts';

/** Identifies the content of a data file. */
export interface FileIdentity {
  readonly bytes: number;
  /** CRC-32 as eight hexadecimal digits. */
  readonly crc32: string;
}

/** Data files by name; null for a file that does not exist yet. */
export type FileIdentities = Readonly<Record<string, FileIdentity | null>>;

export interface JournalHeader {
  readonly journal: 1;
  readonly id: string;
  /** Identifies the store: the same in all its journals; journals of earlier versions have none. */
  readonly store?: string | undefined;
  /** The data files that the commits build on. */
  readonly base: FileIdentities;
  /**
   * Contents that a process without a lock may still publish over the base: they were announced, and the file has not been
   * replaced since, which would keep them out. The commits build on these as well.
   */
  readonly also?: Readonly<Record<string, readonly FileIdentity[]>>;
  /** Number of the first commit. */
  readonly next: number;
  /** The journal that this one continues: it begins with that one's records from byte `from` on. */
  readonly follows?: { readonly id: string; readonly from: number };
}

/** A position in the journal: after `position` bytes of journal `id`. */
export interface JournalPosition {
  readonly id: string;
  readonly position: number;
  /** Number of the next record. */
  readonly next: number;
}

export type JournalOperation =
  | readonly ['put', CollectionName, string, JsonObject]
  | readonly ['delete', CollectionName, string];

export interface JournalRecord {
  /** One more than that of the record before. */
  readonly n: number;
  /** The writer. */
  readonly by: string;
  readonly ops: readonly JournalOperation[];
  /** The data files that are about to be published, which hold everything before this record. */
  readonly compaction?: FileIdentities;
}

/** The data file contents that a record announces, with the number of the record. */
export interface Announcement {
  readonly n: number;
  readonly files: FileIdentities;
}

const hex = (checksum: number): string => checksum.toString(16).padStart(8, '0');

export const identify = (bytes: Uint8Array): FileIdentity => ({ bytes: bytes.byteLength, crc32: hex(crc32(bytes)) });

/** Whether a file has its known content. @param known undefined if nothing is known */
export const sameIdentity = (found: FileIdentity | null, known: FileIdentity | null | undefined): boolean =>
  known !== undefined && found?.bytes === known?.bytes && found?.crc32 === known?.crc32;

/** Whether a journal with this header builds on this content of a file. */
export const isBase = ({ base, also }: JournalHeader, name: string, found: FileIdentity | null): boolean =>
  sameIdentity(found, base[name]) || (also?.[name] ?? []).some((identity) => sameIdentity(found, identity));

/** Computes the identity of a file that is written in pieces. */
export class Identifier {
  #bytes = 0;
  #crc = 0;

  add(piece: Uint8Array): void {
    this.#bytes += piece.byteLength;
    this.#crc = crc32(piece, this.#crc);
  }

  identity(): FileIdentity {
    return { bytes: this.#bytes, crc32: hex(this.#crc) };
  }
}

const encodeLine = (json: string): Buffer => {
  const line = Buffer.allocUnsafe(Buffer.byteLength(json) + 10);
  const end = line.write(json, 9);
  line.write(`${hex(crc32(line.subarray(9, 9 + end)))} `, 0, 'latin1');
  line[9 + end] = 0x0a;
  return line;
};

export const encodeHeader = (header: JournalHeader): Buffer => encodeLine(JSON.stringify(header));

/** One operation as JSON text, from an entity's own JSON text. */
export const putText = (collection: CollectionName, id: string, entity: string): string =>
  `["put","${collection}",${JSON.stringify(id)},${entity}]`;
export const deleteText = (collection: CollectionName, id: string): string =>
  `["delete","${collection}",${JSON.stringify(id)}]`;

/** @param by the writer, which distinguishes identical commits of different writers */
export const encodeRecord = (n: number, by: string, operations: readonly string[]): Buffer =>
  encodeLine(`{"n":${n},"by":"${by}","ops":[${operations.join(',')}]}`);
export const encodeCompaction = (n: number, by: string, compaction: FileIdentities): Buffer =>
  encodeLine(`{"n":${n},"by":"${by}","ops":[],"compaction":${JSON.stringify(compaction)}}`);

/** A line that was written completely, as its checksum shows, but holds no JSON in UTF-8. */
const UNREADABLE = Symbol('unreadable');

/** The JSON of a line (without its newline), or undefined if its checksum is wrong. */
function decodeLine(line: Buffer): unknown {
  if (line.length < 10 || line[8] !== 0x20) return undefined;
  const payload = line.subarray(9);
  if (line.toString('latin1', 0, 8) !== hex(crc32(payload))) return undefined;
  if (!isUtf8(payload)) return UNREADABLE;
  try {
    return parseJson(payload.toString('utf8'));
  } catch {
    return UNREADABLE;
  }
}

/** The header and where it ends, or undefined if there is no valid one. */
export function decodeHeader(bytes: Buffer): { header: JournalHeader; end: number } | undefined {
  const newline = bytes.indexOf(0x0a);
  if (newline < 0) return undefined;
  const header = decodeLine(bytes.subarray(0, newline)) as JournalHeader | typeof UNREADABLE | undefined;
  if (header === undefined || header === UNREADABLE || header.journal !== 1) return undefined;
  return { header, end: newline + 1 };
}

export interface DecodedRecords {
  readonly records: readonly JournalRecord[];
  /** Length of the valid records at the front, in bytes. */
  readonly end: number;
  /** Bytes after `end`: a torn write at the tail if nothing valid follows, damage if something does. */
  readonly rest: 'none' | 'torn' | 'damaged';
  /** For 'damaged': the valid records after the damage. */
  readonly beyond: readonly JournalRecord[];
  /** Whether it ends in bytes that are no valid record. */
  readonly cutOff: boolean;
}

/** Decodes the records in `bytes`, the first of which has number `next`. */
export function decodeRecords(bytes: Buffer, next: number): DecodedRecords {
  const records: JournalRecord[] = [];
  const beyond: JournalRecord[] = [];
  let end = 0;
  let lastEnd = 0;
  let sound = true;
  let unreadable = false;
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start);
    if (newline < 0) break;
    const record = decodeLine(bytes.subarray(start, newline)) as JournalRecord | typeof UNREADABLE | undefined;
    start = newline + 1;
    if (record === undefined || record === UNREADABLE) {
      sound = false;
      unreadable ||= record === UNREADABLE;
      continue;
    }
    sound &&= record.n === next + records.length;
    lastEnd = start;
    if (sound) {
      records.push(record);
      end = start;
    } else {
      beyond.push(record);
    }
  }
  const rest = end === bytes.length ? 'none' : beyond.length > 0 || unreadable ? 'damaged' : 'torn';
  return { records, end, rest, beyond, cutOff: lastEnd < bytes.length };
}
