import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makePrivateFile } from '../objects/file-owner.ts';

/** Whoever looks whether a lock is held has it for a moment itself. */
const WAIT_MS = 500;

/**
 * Keeps a second process of this machine from doing the same work. The kernel holds the lock, and lets go of it when the
 * process ends, however it ends: there are no stale locks.
 */
export class RunLock implements Disposable {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Takes the lock of a name in a folder that exists; undefined where another process has it. */
  static take(folder: string, name: string, waitMs = WAIT_MS): RunLock | undefined {
    const path = join(folder, `${name}.lock`);
    makePrivateFile(path);
    const database = new DatabaseSync(path);
    try {
      // Nothing is ever written, so there is nothing to recover.
      database.exec(`PRAGMA busy_timeout = ${waitMs}; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE`);
      return new RunLock(database);
    } catch (error) {
      database.close();
      if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
      throw error;
    }
  }

  /** Whether a process holds the lock. */
  static isHeld(folder: string, name: string): boolean {
    using lock = RunLock.take(folder, name, 0);
    return lock === undefined;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

const SQLITE_BUSY = 5;
