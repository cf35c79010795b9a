/** Reader-writer locks: many readers or one writer. */
import { readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { backOff } from '../../repository/backoff.ts';
import { StorageUnavailableError } from '../../repository/errors.ts';
import { asStorageError } from './faults.ts';

export interface LockManager {
  /** @throws StorageUnavailableError if the lock is not available in time */
  read<T>(work: () => Promise<T>): Promise<T>;
  /** @throws StorageUnavailableError if the lock is not available in time */
  write<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
}

interface Waiter {
  readonly exclusive: boolean;
  readonly admit: () => void;
}

/** Locks among the tasks of this process, granted in the order of the calls. */
export class ProcessLockManager implements LockManager {
  readonly #waiting: Waiter[] = [];
  #readers = 0;
  #writing = false;

  async read<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter(false);
    try {
      return await work();
    } finally {
      this.#readers--;
      this.#admitNext();
    }
  }

  async write<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter(true);
    try {
      return await work();
    } finally {
      this.#writing = false;
      this.#admitNext();
    }
  }

  close(): void {}

  #enter(exclusive: boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ exclusive, admit: resolve });
      this.#admitNext();
    });
  }

  #admitNext(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#writing || (next.exclusive && this.#readers > 0)) return;
      this.#waiting.shift();
      if (next.exclusive) this.#writing = true;
      else this.#readers++;
      next.admit();
    }
  }
}

/** How long to wait for a lock held by another process: well within the 25 s of an HTTP call. */
const LOCK_TIMEOUT_MS = 15_000;
const BACKOFF = { baseMs: 1, longestMs: 8 };
const SQLITE_BUSY = 5;

/** How long a writer may take from its last check of the lock file to the end of its write. */
const WRITE_GRACE_MS = 100;

/** Identifies the file at a path; undefined if there is none. */
const fileAt = (path: string): string | undefined => {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}/${found.ino}`;
};

interface LockDatabase {
  /** Undefined if it is unknown which file is open. */
  readonly file: string | undefined;
  readonly connection: DatabaseSync;
  readonly share: readonly StatementSync[];
  readonly exclude: readonly StatementSync[];
  readonly release: StatementSync;
}

/**
 * Locks among processes on one machine. The lock is the one SQLite takes on a database file: the kernel holds it and
 * releases it when the process ends, however it ends, so there are no stale locks to detect. The file itself holds no
 * data.
 *
 * The file may be removed while it is in use. Other processes then create and lock a new one, so a lock counts only while
 * its file is still at the path: its holder checks that after locking, and again right before writing (`requireInPlace`).
 * A new file is held for a while before anything is done under it, so that a process whose check came just before the
 * file was made has finished its write by then.
 */
export class FileLockManager implements LockManager {
  readonly #path: string;
  readonly #local = new ProcessLockManager();
  readonly #prepare: (path: string) => void;
  #database: LockDatabase | undefined;
  /** The file that is known not to be new any more. */
  #trusted: string | undefined;
  #sharing = 0;
  #sharingStart: Promise<void> | undefined;

  /** @param prepare creates the file, or throws if this process may not */
  constructor(path: string, prepare: (path: string) => void) {
    this.#path = path;
    this.#prepare = prepare;
  }

  read<T>(work: () => Promise<T>): Promise<T> {
    return this.#local.read(async () => {
      // The readers of this process share one lock: the first takes it, the last releases it.
      this.#sharing++;
      this.#sharingStart ??= this.#acquire('share');
      try {
        await this.#sharingStart;
        return await work();
      } finally {
        this.#sharing--;
        if (this.#sharing === 0) {
          this.#sharingStart = undefined;
          this.#release();
        }
      }
    });
  }

  write<T>(work: () => Promise<T>): Promise<T> {
    return this.#local.write(async () => {
      await this.#acquire('exclude');
      try {
        return await work();
      } finally {
        this.#release();
      }
    });
  }

  close(): void {
    this.#database?.connection.close();
    this.#database = undefined;
  }

  /** @throws StorageUnavailableError if a lock is held whose file is not at the path any more */
  requireInPlace(): void {
    if (this.#database?.connection.isTransaction !== true || this.#isInPlace(this.#database)) return;
    throw new StorageUnavailableError(
      `The lock file ${this.#path} was removed or replaced while it was in use. Nothing was stored; try again, and do not ` +
        'touch the file.',
    );
  }

  #isInPlace({ file }: LockDatabase): boolean {
    return file !== undefined && fileAt(this.#path) === file;
  }

  async #acquire(mode: 'share' | 'exclude'): Promise<void> {
    if (this.#tryAcquire(mode) && (await this.#isHeld())) return;
    const deadline = performance.now() + LOCK_TIMEOUT_MS;
    for (let attempt = 1; performance.now() < deadline; attempt++) {
      await backOff(attempt, BACKOFF);
      if (this.#tryAcquire(mode) && (await this.#isHeld())) return;
    }
    throw new StorageUnavailableError(
      `Another process has held the lock ${this.#path} for more than ${LOCK_TIMEOUT_MS / 1000} s. Try again; if the error ` +
        'persists, find the process that uses this store (`fuser` names it).',
    );
  }

  #tryAcquire(mode: 'share' | 'exclude'): boolean {
    try {
      for (const statement of this.#open()[mode]) statement.all();
      return true;
    } catch (error) {
      // A failed attempt to share leaves a transaction open that holds no lock.
      this.#release();
      if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
      throw asStorageError(error, 'lock', this.#path);
    }
  }

  /** Whether the lock counts; if not, the file is opened again next time. */
  async #isHeld(): Promise<boolean> {
    const database = this.#database as LockDatabase;
    if (this.#isInPlace(database)) {
      if (database.file === this.#trusted) return true;
      const left = this.#remainingGrace();
      if (left > 0) await sleep(left);
      if (this.#isInPlace(database)) {
        this.#trusted = database.file;
        return true;
      }
    }
    this.#release();
    this.close();
    return false;
  }

  /** Milliseconds for which the file still counts as new. If the folder holds nothing else, there was no earlier lock file. */
  #remainingGrace(): number {
    const made = statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const left = Math.min(WRITE_GRACE_MS, made + WRITE_GRACE_MS - Date.now());
    return left > 0 && readdirSync(dirname(this.#path)).length > 1 ? left : 0;
  }

  #release(): void {
    if (this.#database?.connection.isTransaction) this.#database.release.run();
  }

  #open(): LockDatabase {
    if (this.#database !== undefined) return this.#database;
    this.#prepare(this.#path);
    const before = fileAt(this.#path);
    const connection = new DatabaseSync(this.#path, { timeout: 0 });
    const file = fileAt(this.#path);
    // Nothing is ever written, so no rollback journal is needed beside the file.
    connection.exec('PRAGMA journal_mode = MEMORY');
    this.#database = {
      // Made or replaced between the two checks: it is unknown which file is open, so no lock on it counts.
      file: before === file ? file : undefined,
      connection,
      // Reading in a transaction takes SQLite's SHARED lock and keeps it until the transaction ends.
      share: [connection.prepare('BEGIN'), connection.prepare('SELECT count(*) FROM sqlite_schema')],
      exclude: [connection.prepare('BEGIN EXCLUSIVE')],
      release: connection.prepare('COMMIT'),
    };
    return this.#database;
  }
}
