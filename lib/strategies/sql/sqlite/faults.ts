import {
  ConfigurationError,
  StorageDamagedError,
  StorageError,
  StorageUnavailableError,
} from '../../../repository/errors.ts';
import { LostRace } from '../database.ts';

// Result codes of SQLite: https://www.sqlite.org/rescode.html. The low byte is the primary code.
const BUSY = 5;
const LOCKED = 6;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
const GENERIC = 1;
const CONSTRAINT = 19;
const MISMATCH = 20;
/** Of the constraints that our own tables have. */
const RACES = new Set([/* FOREIGNKEY */ 787, /* PRIMARYKEY */ 1555]);

const advice: Readonly<Record<number, string>> = {
  8: 'The file or its folder is read-only. Let the user of this process write there.',
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

/** Whether SQLite did not understand a statement. */
export const isMisunderstood = (error: unknown): boolean => codeOf(error) === GENERIC;

/** Whether a rule of a table refused a row: that undoes its own statement only. */
export function isRefusedRow(error: unknown): boolean {
  const primary = (codeOf(error) ?? 0) & 0xff;
  return primary === CONSTRAINT || primary === MISMATCH;
}

/** The error of a rule that this program does not know, and that says the same however often it is asked. */
export const refusedRow = (path: string, why: unknown, cause: unknown): ConfigurationError =>
  new ConfigurationError(
    `The tables in ${path} refuse what was to be stored (${(why as Error).message}): they have a column or a rule that this ` +
      'program does not know. Nothing was stored. Run `hfs doctor`, which names such columns; drop them, or their rules.',
    { cause },
  );

/** An error of SQLite as the error that a caller of the repository gets, or as a `LostRace`. */
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
  if (primary === GENERIC) {
    return new StorageDamagedError(
      `The tables in ${path} are not those of this program (${message}). Run \`hfs doctor\`.`,
      { cause: error },
    );
  }
  const why = advice[primary] ?? `${message}.`;
  return new StorageUnavailableError(`Cannot use ${path}. ${why}`, { cause: error });
}
