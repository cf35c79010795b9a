import {
  ConfigurationError,
  StorageDamagedError,
  StorageError,
  StorageUnavailableError,
  ValidationError,
} from '../../../repository/errors.ts';
import { LostRace } from '../database.ts';
import { tables } from '../schema.ts';
import type { NamedRow } from '../sql-session.ts';

// Result codes of SQLite: https://www.sqlite.org/rescode.html. The low byte is the primary code.
const BUSY = 5;
const LOCKED = 6;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
const GENERIC = 1;
const CONSTRAINT = 19;
const MISMATCH = 20;
/** Violations of the constraints that our own tables have. */
const RACES = new Set([/* FOREIGNKEY */ 787, /* PRIMARYKEY */ 1555]);

const advice: Readonly<Record<number, string>> = {
  8: 'The file or its folder is read-only. Give the user of this process write access.',
  10: 'The disk reported an error. Check its health and its free space before anything else.',
  13: 'The disk is full. Free some space; nothing was lost, and the next call works.',
  14: 'The file cannot be opened. Check its path, its permissions and those of its folder, and that its disk is not read-only.',
};

const codeOf = (error: unknown): number | undefined => (error as { errcode?: number }).errcode;

/** Whether another connection holds the lock that a statement needs. */
export function isBusy(error: unknown): boolean {
  const primary = (codeOf(error) ?? 0) & 0xff;
  return primary === BUSY || primary === LOCKED;
}

/** The name of our table that a statement did not find. */
function missingTable(error: unknown): string | undefined {
  const name = /^no such table: (?:main\.)?(\w+)$/.exec((error as Error).message)?.[1];
  return tables.some((table) => table.name === name) ? name : undefined;
}

/** Whether a rule of a table refused a row, which undoes only its own statement. */
export function isRefusedRow(error: unknown): boolean {
  const primary = (codeOf(error) ?? 0) & 0xff;
  return primary === CONSTRAINT || primary === MISMATCH;
}

/** The error for a rule that this program does not know, and that a retry would break again. */
export const refusedRow = (path: string, why: unknown, cause: unknown): ConfigurationError =>
  new ConfigurationError(
    `The tables in ${path} refuse the write (${(why as Error).message}): they have a column or a rule that this program does ` +
      'not know. Nothing was stored. Run `hfstorage doctor`, which names such columns; drop them, or their rules.',
    { cause },
  );

/** Turns an error of SQLite into the error that a caller of the repository gets, or into a `LostRace`. */
export function asStorageError(error: unknown, path: string): StorageError | LostRace {
  if (error instanceof StorageError || error instanceof LostRace) return error;
  const { message } = error as Error;
  const code = codeOf(error) ?? 0;
  if (RACES.has(code)) return new LostRace('constraint', error);
  if (isRefusedRow(error)) return refusedRow(path, error, error);
  const primary = code & 0xff;
  if (primary === CORRUPT || primary === NOT_A_DATABASE) {
    return new StorageDamagedError(
      `${path} is not a sound SQLite database (${message}). Stop the service, keep a copy of the file, and restore a backup.`,
      { cause: error },
    );
  }
  const missing = missingTable(error);
  if (missing !== undefined) {
    return new StorageUnavailableError(
      `The table ${missing} is missing from ${path} (${message}): it was dropped. Restore it from a backup; calls work ` +
        'again once it exists.',
      { cause: error },
    );
  }
  if (primary === GENERIC) {
    return new StorageDamagedError(
      `The tables in ${path} do not have this program's schema (${message}). Run \`hfstorage doctor\`.`,
      { cause: error },
    );
  }
  const why = advice[primary] ?? `${message}.`;
  return new StorageUnavailableError(`Cannot use ${path}. ${why}`, { cause: error });
}

/** The error for a lock that did not become free in time. */
export const busy = (path: string, timeoutMs: number, cause: unknown): StorageUnavailableError =>
  new StorageUnavailableError(
    `Other processes have kept ${path} locked for ${timeoutMs / 1000} s (timeout). Nothing was stored; try again.`,
    { cause },
  );

/** Runs a caller's own statement, which may itself be wrong. @throws ValidationError if SQLite does not understand it */
export function runForeign(task: () => NamedRow[]): NamedRow[] {
  try {
    return task();
  } catch (error) {
    if (codeOf(error) !== GENERIC || missingTable(error) !== undefined) throw error;
    throw new ValidationError([{ path: 'select', message: `is refused by SQLite: ${(error as Error).message}` }]);
  }
}
