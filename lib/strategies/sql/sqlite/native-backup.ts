import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { BackupError } from '../../../repository/errors.ts';
import type { NativeCopy, NativeCopyOptions } from '../../../repository/native-copy.ts';
import { asStorageError } from './faults.ts';

/** Pages that are copied between two checks of the signal: 1 MB. */
const PAGES_AT_ONCE = 250;
/** How many problems of SQLite's own check are named. */
const MAX_PROBLEMS = 3;

/**
 * Copies a consistent snapshot of the database, while others read and write it, and has SQLite check the copy.
 * https://www.sqlite.org/backup.html
 * @throws BackupError, StorageUnavailableError, StorageDamagedError
 */
export async function copySqliteFile(
  { name, timeout }: SqlStrategyConfig,
  { folder, progress, signal }: NativeCopyOptions,
): Promise<NativeCopy> {
  if (!existsSync(name)) throw new BackupError(`There is no database ${name} to back up. Check sql_strategy.name.`);
  const file = basename(name);
  const path = join(folder, file);
  await copy(name, path, timeout, { progress, signal });
  checkCopy(path);
  return { files: [file], consistent: true };
}

async function copy(
  from: string,
  to: string,
  timeout: number,
  { progress, signal }: Pick<NativeCopyOptions, 'progress' | 'signal'>,
): Promise<void> {
  const source = openSource(from, timeout);
  let copied = 0;
  const report = (done: number, total: number): void => {
    progress?.('copy pages', done - copied, total);
    copied = done;
  };
  try {
    const total = await backup(source, to, {
      rate: PAGES_AT_ONCE,
      progress: ({ totalPages, remainingPages }) => {
        signal?.throwIfAborted();
        report(totalPages - remainingPages, totalPages);
      },
    });
    report(total, total);
  } catch (error) {
    signal?.throwIfAborted();
    throw asStorageError(error, to);
  } finally {
    source.close();
  }
}

/** A connection in a read transaction: without it, a write of another process would restart the backup. */
function openSource(path: string, timeout: number): DatabaseSync {
  try {
    const source = new DatabaseSync(path, { readOnly: true, timeout: timeout * 1000 });
    try {
      source.exec('BEGIN; SELECT count(*) FROM sqlite_master');
      return source;
    } catch (error) {
      source.close();
      throw error;
    }
  } catch (error) {
    throw asStorageError(error, path);
  }
}

/** @throws BackupError if the copy is damaged, as the database itself may be */
function checkCopy(path: string): void {
  const copied = new DatabaseSync(path);
  try {
    const problems = copied
      .prepare(`PRAGMA integrity_check(${MAX_PROBLEMS})`)
      .all()
      .map((row) => String(row.integrity_check));
    if (problems[0] !== 'ok') {
      throw new BackupError(
        `SQLite finds the copy damaged (${problems.join('; ')}), as the database probably is: run \`hfstorage doctor\`.`,
      );
    }
    // One file, which can be read from a read-only disk. The store turns WAL on again.
    copied.exec('PRAGMA journal_mode = DELETE');
  } catch (error) {
    throw asStorageError(error, path);
  } finally {
    copied.close();
  }
}
