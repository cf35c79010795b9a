import { type BigIntStats, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MIN_FREE_BYTES } from '../../../model/limits.ts';
import { StorageUnavailableError } from '../../../repository/errors.ts';

/** For how long a look at the files holds for reads. A system call for each would cost a third of a read. */
const TRUSTED_MS = 1;

/** What stands at a path; undefined where nothing can be seen there. Big integers: inode numbers may exceed 2^53. */
function found(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

const isSame = (a: BigIntStats | undefined, b: BigIntStats | undefined): boolean =>
  a?.ino === b?.ino && a?.dev === b?.dev;

/**
 * The files that connections have open: the database, its log and the log's index. SQLite goes on with them when they are
 * removed or replaced, and what it commits then is gone with the last connection. While they are open, nobody who follows
 * SQLite's rules replaces one of them, and the system gives none of their inode numbers to another file.
 */
export class OpenFiles {
  readonly path: string;
  readonly #files: readonly (readonly [path: string, opened: BigIntStats])[];
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param before what stood at the path before the connections were opened */
  constructor(path: string, before: BigIntStats | undefined) {
    this.path = path;
    this.#files = [path, `${path}-wal`, `${path}-shm`].flatMap((name) => {
      const opened = found(name);
      return opened === undefined ? [] : [[name, opened] as const];
    });
    const database = found(path);
    if (database === undefined || (before !== undefined && !isSame(before, database))) {
      throw new StorageUnavailableError(`${path} was removed or replaced while it was opened. Try again.`);
    }
  }

  /** What stands at the path, to be handed to the constructor once the connections are open. */
  static before(path: string): BigIntStats | undefined {
    return found(path);
  }

  /** @throws StorageUnavailableError where one of the files is not in its place */
  requireInPlace(): void {
    for (const [path, opened] of this.#files) {
      const now = found(path);
      const isEmptied = path === this.path && now?.size === 0n;
      if (isSame(opened, now) && !isEmptied) continue;
      const what = now === undefined ? 'is gone' : isEmptied ? 'was emptied' : 'was replaced by another file';
      throw new StorageUnavailableError(
        `${path} ${what} while the store was open. Nothing is read or stored until the original file is back; to use the ` +
          'current file, restart the service.',
      );
    }
    this.#lookedAt = performance.now();
  }

  /** As `requireInPlace`; also where the disk is full. */
  async requireUsable(): Promise<void> {
    this.requireInPlace();
    const { bavail, bfree, bsize } = await statfs(dirname(this.path));
    if (bsize * (process.getuid?.() === 0 ? bfree : bavail) >= MIN_FREE_BYTES) return;
    throw new StorageUnavailableError(`The disk of ${this.path} is full. Free some space; nothing was lost.`);
  }

  /** As `requireInPlace`, for a read: a moment ago will do. */
  requireSeen(): void {
    if (performance.now() - this.#lookedAt > TRUSTED_MS) this.requireInPlace();
  }

  /**
   * Runs a write.
   * @throws StorageUnavailableError also where it was done, but into files that are not in their place any more
   */
  async keep<T>(write: () => Promise<T>): Promise<T> {
    this.requireInPlace();
    const result = await write();
    this.requireInPlace();
    return result;
  }
}
