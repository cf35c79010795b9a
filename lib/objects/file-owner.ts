/** Mode, owner and group of files: a file that is written anew keeps those of the one that it replaces. */
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

/** Modes of what is made anew: what is stored concerns nobody else. */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

const PERMISSIONS = 0o777;

const code = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** The file that a path stands for: where links lead, though nothing is there yet. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (code(error) !== 'ENOENT') throw error;
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink ? realPathOf(resolve(dirname(path), readlinkSync(path))) : path;
  }
}

/** Mode and owner of a file, or undefined where there is none. */
export function ownerOf(path: string): FileOwner | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : { mode: found.mode & PERMISSIONS, uid: found.uid, gid: found.gid };
}

const sameOwner = (a: Pick<Stats, 'uid' | 'gid'>, b: FileOwner): boolean => a.uid === b.uid && a.gid === b.gid;

/**
 * Gives a new file a mode and an owner.
 * @param path the new file
 * @param replaced the file that it stands in for, for the message
 * @throws StorageUnavailableError where this process may not give files to that owner
 */
export function giveTo(owner: FileOwner, path: string, replaced: string): void {
  // Windows has no such owners, and nothing to keep.
  if (process.platform === 'win32') return;
  try {
    if (!sameOwner(statSync(path), owner)) chownSync(path, owner.uid, owner.gid);
  } catch (error) {
    throw code(error) === 'EPERM' ? foreignFile(replaced, owner, error) : error;
  }
  if ((statSync(path).mode & PERMISSIONS) !== owner.mode) chmodSync(path, owner.mode);
}

/**
 * Proves that files can be written anew which keep this owner, so that a process that may not is told before it changes
 * anything.
 * @param path a file of that owner
 * @throws StorageUnavailableError naming the file and its owner
 */
export function requireMayKeep(owner: FileOwner, path: string): void {
  const { geteuid, getegid, getgroups } = process;
  if (geteuid === undefined || getegid === undefined || getgroups === undefined) return;
  const uid = geteuid();
  if (uid === 0) return;
  if (uid === owner.uid && (getegid() === owner.gid || getgroups().includes(owner.gid))) return;
  // The system has the last word: there are processes other than root's that may give files away.
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
    `${path} belongs to user ${uid}, group ${gid}, and this process (${self}) may not write it anew for them. Nothing was ` +
      'changed. Run it as that user, for example with `sudo -u`, or give all files of the store to this one with chown.',
    { cause },
  );
}

/** Makes the folder of a file where it is missing, for its owner only. */
export const makeFolderOf = (path: string): unknown =>
  mkdirSync(dirname(path), { recursive: true, mode: PRIVATE_FOLDER });

/**
 * Makes an empty file that only its owner may read, where there is none.
 * @param owner instead of this process's user, and its mode
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
