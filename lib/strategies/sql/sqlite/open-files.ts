import { type BigIntStats, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MIN_FREE_BYTES } from '../../../model/limits.ts';
import { StorageUnavailableError } from '../../../repository/errors.ts';

/** How long a check of the files counts for reads. A system call for each would cost a third of a read. */
const TRUSTED_MS = 1;

/** The file at a path; undefined if there is none or it is not accessible. Big integers: inode numbers may exceed 2^53. */
function fileAt(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

const isSame = (a: BigIntStats | undefined, b: BigIntStats | undefined): boolean =>
  a?.ino === b?.ino && a?.dev === b?.dev;

/**
 * The files that connections have open: the database, its log and the log's index. SQLite keeps using them when they are
 * removed or replaced, and such commits are lost with the last connection. While they are open, no program that follows
 * SQLite's rules replaces one of them, and the system does not reuse their inode numbers.
 */
export class OpenFiles {
  readonly path: string;
  readonly #files: readonly (readonly [path: string, opened: BigIntStats])[];
  #checkedAt = Number.NEGATIVE_INFINITY;

  /** @param before the file at the path before the connections were opened */
  constructor(path: string, before: BigIntStats | undefined) {
    this.path = path;
    this.#files = [path, `${path}-wal`, `${path}-shm`].flatMap((name) => {
      const opened = fileAt(name);
      return opened === undefined ? [] : [[name, opened] as const];
    });
    const database = fileAt(path);
    if (database === undefined || (before !== undefined && !isSame(before, database))) {
      throw new StorageUnavailableError(`${path} was removed or replaced while it was opened. Try again.`);
    }
  }

  /** The file at the path: pass it to the constructor once the connections are open. */
  static before(path: string): BigIntStats | undefined {
    return fileAt(path);
  }

  /** @throws StorageUnavailableError if one of the files was removed, replaced or emptied */
  requireInPlace(): void {
    for (const [path, opened] of this.#files) {
      const now = fileAt(path);
      const isEmptied = path === this.path && now?.size === 0n;
      if (isSame(opened, now) && !isEmptied) continue;
      const what = now === undefined ? 'is gone' : isEmptied ? 'was emptied' : 'was replaced by another file';
      throw new StorageUnavailableError(
        `${path} ${what} while the store was open. Nothing is read or stored until the original file is back; to use the ` +
          'current file, restart the service.',
      );
    }
    this.#checkedAt = performance.now();
  }

  /** Like `requireInPlace`; also throws if the disk is full. */
  async requireUsable(): Promise<void> {
    this.requireInPlace();
    const { bavail, bfree, bsize } = await statfs(dirname(this.path));
    if (bsize * (process.getuid?.() === 0 ? bfree : bavail) >= MIN_FREE_BYTES) return;
    throw new StorageUnavailableError(`The disk of ${this.path} is full. Free some space; nothing was lost.`);
  }

  /** Like `requireInPlace`, for a read: a recent check is enough. */
  requireRecentlyInPlace(): void {
    if (performance.now() - this.#checkedAt > TRUSTED_MS) this.requireInPlace();
  }

  /**
   * Runs a write.
   * @throws StorageUnavailableError also if the write succeeded, but into files that are not in their place any more
   */
  async whileInPlace<T>(write: () => Promise<T>): Promise<T> {
    this.requireInPlace();
    const result = await write();
    this.requireInPlace();
    return result;
  }
}
