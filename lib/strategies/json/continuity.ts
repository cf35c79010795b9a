import { StorageUnavailableError } from '../../repository/errors.ts';
import type { FileManager } from './file-manager.ts';
import {
  type Announcement,
  decodeHeader,
  decodeRecords,
  type JournalHeader,
  type JournalPosition,
} from './journal-format.ts';
import type { Layout } from './layout.ts';
import type { LoadedFiles } from './load-files.ts';

/** How long a check of the files counts. A system call for each of them would cost half of a read. */
const TRUSTED_MS = 1;

/** What a process has served: later reads must not contradict it. Undefined before the first load. */
type Served = Pick<LoadedFiles, 'identities' | 'store'> | undefined;

/**
 * Number of the next commit if another journal continues this one. An announcement at its end does not count: the journal
 * that it announces leaves it out.
 */
export const nextCommit = ({ next }: JournalPosition, announced: readonly Announcement[]): number =>
  announced.at(-1)?.n === next - 1 ? next - 1 : next;

/** A journal that continues one that was read up to a position; undefined if these bytes are another or none. */
export function continuationOf(
  at: JournalPosition,
  announced: readonly Announcement[],
  bytes: Buffer | undefined,
): { readonly header: JournalHeader; readonly headerEnd: number; readonly rest: Buffer } | undefined {
  const decoded = bytes && decodeHeader(bytes);
  if (decoded === undefined) return undefined;
  const { header, end } = decoded;
  if (header.follows?.id !== at.id || at.position < header.follows.from) return undefined;
  const rest = (bytes as Buffer).subarray(end);
  const { records } = decodeRecords(rest, header.next);
  return header.next + records.length < nextCommit(at, announced) ? undefined : { header, headerEnd: end, rest };
}

/** Detects that files of an open store are gone, or were replaced by those of another store or by an earlier state. */
export class Continuity {
  readonly #files: FileManager;
  readonly #layout: Layout;
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(files: FileManager, layout: Layout) {
    this.#files = files;
    this.#layout = layout;
  }

  /**
   * Checks that the files exist if that costs little: on S3 each check would be a call.
   * @throws StorageUnavailableError if one is gone
   */
  async requireFilesCheaply(served: Served, at: JournalPosition): Promise<void> {
    if (!this.#files.exclusive || performance.now() - this.#checkedAt <= TRUSTED_MS) return;
    await this.requireFiles(served, at);
    this.#checkedAt = performance.now();
  }

  /** @throws StorageUnavailableError if a file is gone that was written before */
  async requireFiles(served: Served, { id }: JournalPosition): Promise<void> {
    if (served === undefined) return;
    const names = Object.keys(served.identities).filter((name) => served.identities[name] !== null);
    if (id !== '') names.push(this.#layout.journal);
    const missing = await this.#files.missing(names);
    if (missing.length === 0) return;
    const gone = missing.map((name) => this.#files.describe(name)).join(', ');
    throw vanished(`${gone} is gone: it was removed or moved away, or its folder was, while the store was open.`);
  }

  /** @throws StorageUnavailableError if the loaded files do not continue what was served before */
  requireSame(loaded: LoadedFiles, served: Served, { id, next }: JournalPosition): void {
    if (served === undefined) return;
    const journal = this.#files.describe(this.#layout.journal);
    if (id !== '' && loaded.headerEnd === 0) throw vanished(`${journal} is gone.`);
    if (served.store !== undefined && loaded.store !== undefined && served.store !== loaded.store) {
      throw vanished(`${journal} was replaced by that of another store while the store was open.`);
    }
    if (loaded.next < next) {
      throw vanished(`${journal} was replaced by an earlier copy, or cut off, while the store was open.`);
    }
  }
}

const vanished = (what: string): StorageUnavailableError =>
  new StorageUnavailableError(
    `${what} Nothing is read or stored until the original files are back; to use the current files, restart the service.`,
  );
