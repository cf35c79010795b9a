import { StorageError, StorageUnavailableError } from '../../repository/errors.ts';

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full. Free some space; nothing was lost, and the next call works.',
  EDQUOT: 'The disk quota is used up. Free some space; nothing was lost, and the next call works.',
  EACCES: 'Permission is denied. Give the user of this process read and write access.',
  EPERM: 'The operation is not permitted. Give the user of this process read and write access.',
  EROFS: 'The file system is read-only. Choose another base_path, or mount it for writing.',
  ENOENT: 'It does not exist. Check base_path.',
  ENOTDIR: 'A part of the path is not a folder. Check base_path.',
  EISDIR: 'It is a folder. Check the file names.',
  EMFILE: 'This process has too many open files. Raise its limit (ulimit -n).',
  EIO: 'The disk reported an error. Check its health before anything else.',
};

const SQLITE_CODES: Readonly<Record<number, string>> = { 8: 'EROFS', 10: 'EIO', 13: 'ENOSPC', 14: 'EACCES' };

/** Turns an error of the file system into the error that a caller of the repository gets: what failed, and why. */
export function asStorageError(error: unknown, action: string, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const { code, errcode, message } = error as { code?: string; errcode?: number; message?: string };
  const known = (errcode === undefined ? undefined : SQLITE_CODES[errcode]) ?? code ?? '';
  const why = advice[known] ?? `${message ?? String(error)}.`;
  return new StorageUnavailableError(`Cannot ${action} ${path}. ${why}`, { cause: error });
}
