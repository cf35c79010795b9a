/** Mode, owner and group of files: a new file keeps those of the file that it replaces. */
import {
  chmodSync,
  chownSync,
  closeSync,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StorageUnavailableError } from '../repository/errors.ts';

/** Who may read and write a file. */
export interface FileOwner {
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Modes of new files and folders: only the owner may read the stored data. */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

const PERMISSIONS = 0o777;

const code = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** The file that a path refers to, with symbolic links resolved, even if the target does not exist yet. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (code(error) !== 'ENOENT') throw error;
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink ? realPathOf(resolve(dirname(path), readlinkSync(path))) : path;
  }
}

/** Mode and owner of a file, or undefined if it does not exist. */
export function ownerOf(path: string): FileOwner | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : { mode: found.mode & PERMISSIONS, uid: found.uid, gid: found.gid };
}

const sameOwner = (a: Pick<Stats, 'uid' | 'gid'>, b: FileOwner): boolean => a.uid === b.uid && a.gid === b.gid;

/**
 * Gives a new file a mode and an owner.
 * @param path the new file
 * @param replaced the file that it replaces, for the message
 * @throws StorageUnavailableError if this process may not give files to that owner
 */
export function giveTo(owner: FileOwner, path: string, replaced: string): void {
  // Windows has no such owners, so there is nothing to keep.
  if (process.platform === 'win32') return;
  try {
    if (!sameOwner(statSync(path), owner)) chownSync(path, owner.uid, owner.gid);
  } catch (error) {
    throw code(error) === 'EPERM' ? foreignFile(replaced, owner, error) : error;
  }
  if ((statSync(path).mode & PERMISSIONS) !== owner.mode) chmodSync(path, owner.mode);
}

/**
 * Checks that this process can replace files and keep this owner, so that it fails before it changes anything.
 * @param path a file of that owner
 * @throws StorageUnavailableError naming the file and its owner
 */
export function requireMayKeep(owner: FileOwner, path: string): void {
  const { geteuid, getegid, getgroups } = process;
  if (geteuid === undefined || getegid === undefined || getgroups === undefined) return;
  const uid = geteuid();
  if (uid === 0) return;
  if (uid === owner.uid && (getegid() === owner.gid || getgroups().includes(owner.gid))) return;
  // Only the system knows for sure: processes other than root's may be allowed to change owners.
  const probe = `${realPathOf(path)}.tmp-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
  const file = openSync(probe, 'wx', PRIVATE_FILE);
  try {
    fchownSync(file, owner.uid, owner.gid);
  } catch (error) {
    throw code(error) === 'EPERM' ? foreignFile(path, owner, error) : error;
  } finally {
    closeSync(file);
    rmSync(probe, { force: true });
  }
}

function foreignFile(path: string, { uid, gid }: FileOwner, cause: unknown): StorageUnavailableError {
  const self = `user ${process.geteuid?.()}, group ${process.getegid?.()}`;
  return new StorageUnavailableError(
    `${path} belongs to user ${uid}, group ${gid}, and this process (${self}) may not replace it and keep that owner. Nothing ` +
      'was changed. Run it as that user, for example with `sudo -u`, or give all files of the store to this one with chown.',
    { cause },
  );
}

/** Creates the folder of a file if it is missing, accessible only to its owner. */
export const makeFolderOf = (path: string): unknown =>
  mkdirSync(dirname(path), { recursive: true, mode: PRIVATE_FOLDER });

/**
 * Creates an empty file that only its owner may read, unless it exists.
 * @param owner mode and owner, instead of the private mode and this process's user
 */
export function makePrivateFile(path: string, owner?: FileOwner): void {
  const real = realPathOf(path);
  try {
    closeSync(openSync(real, 'wx', PRIVATE_FILE));
  } catch (error) {
    if (code(error) === 'EEXIST') return;
    throw error;
  }
  if (owner !== undefined) giveTo(owner, real, path);
}
