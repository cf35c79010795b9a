/** Reader-writer locks: many readers or one writer. */
import { readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { StorageUnavailableError } from '../../repository/errors.ts';
import { asStorageError } from './faults.ts';

export interface LockManager {
  /** @throws StorageUnavailableError where the lock cannot be had in time */
  read<T>(work: () => Promise<T>): Promise<T>;
  /** @throws StorageUnavailableError where the lock cannot be had in time */
  write<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
}

interface Waiter {
  readonly exclusive: boolean;
  readonly admit: () => void;
}

/** Locks among the tasks of this process, first come, first served. */
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

/** How long a lock held by another process is waited for: well within the 25 s of an HTTP call. */
const LOCK_TIMEOUT_MS = 15_000;
const MAX_PAUSE_MS = 8;
const SQLITE_BUSY = 5;

/** How long a writer may take from its last look at the lock file to the end of what it writes. */
const NOTICE_MS = 100;

/** What tells the file at a path from any other; undefined where there is none. */
const fileAt = (path: string): string | undefined => {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}/${found.ino}`;
};

interface LockDatabase {
  /** Undefined where nobody can tell which file is open. */
  readonly file: string | undefined;
  readonly connection: DatabaseSync;
  readonly share: readonly StatementSync[];
  readonly exclude: readonly StatementSync[];
  readonly release: StatementSync;
}

/**
 * Locks among processes, on one machine. The lock is the one SQLite takes on a database file: the kernel holds it and
 * lets go of it when the process ends, however it ends, so there are no stale locks to recognise. The file itself holds
 * nothing of interest.
 *
 * Somebody may remove the file. Others then make another one and lock that, so a lock counts only while its file stands
 * at the path: whoever gets it looks, and looks again right before writing (`requireInPlace`). A new file is locked for a
 * while before anything is done under it, so that who has looked a moment before it was made has written by then.
 */
export class FileLockManager implements LockManager {
  readonly #path: string;
  readonly #local = new ProcessLockManager();
  readonly #prepare: (path: string) => void;
  #database: LockDatabase | undefined;
  /** The file that is known to be no new one. */
  #settled: string | undefined;
  #sharing = 0;
  #sharingStart: Promise<void> | undefined;

  /** @param prepare makes the file, where this process may; else it throws */
  constructor(path: string, prepare: (path: string) => void) {
    this.#path = path;
    this.#prepare = prepare;
  }

  read<T>(work: () => Promise<T>): Promise<T> {
    return this.#local.read(async () => {
      // The readers of this process share one lock: the first takes it, the last lets it go.
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

  /** @throws StorageUnavailableError where a lock is held whose file does not stand at the path any more */
  requireInPlace(): void {
    if (this.#database?.connection.isTransaction !== true || this.#isInPlace(this.#database)) return;
    throw new StorageUnavailableError(
      `The lock file ${this.#path} was removed or replaced while it was in use. Nothing was stored; try again, and leave ` +
        'the file alone.',
    );
  }

  #isInPlace({ file }: LockDatabase): boolean {
    return file !== undefined && fileAt(this.#path) === file;
  }

  async #acquire(mode: 'share' | 'exclude'): Promise<void> {
    if (this.#tryAcquire(mode) && (await this.#isHeld())) return;
    const deadline = performance.now() + LOCK_TIMEOUT_MS;
    for (let pause = 1; performance.now() < deadline; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
      await sleep(pause * Math.random());
      if (this.#tryAcquire(mode) && (await this.#isHeld())) return;
    }
    throw new StorageUnavailableError(
      `Another process has held the lock ${this.#path} for more than ${LOCK_TIMEOUT_MS / 1000} s. Try again; if it lasts, ` +
        'look for the process that uses this store (`fuser` names it).',
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

  /** Whether the lock counts; if not, the file is opened anew next time. */
  async #isHeld(): Promise<boolean> {
    const database = this.#database as LockDatabase;
    if (this.#isInPlace(database)) {
      if (database.file === this.#settled) return true;
      const left = this.#newness();
      if (left > 0) await sleep(left);
      if (this.#isInPlace(database)) {
        this.#settled = database.file;
        return true;
      }
    }
    this.#release();
    this.close();
    return false;
  }

  /** Milliseconds for which the file is new still. In a folder with nothing else in it nobody can have had another. */
  #newness(): number {
    const made = statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const left = Math.min(NOTICE_MS, made + NOTICE_MS - Date.now());
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
      // Made or replaced between the two looks: nobody knows which one is open, so no lock on it counts.
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
