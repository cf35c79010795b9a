import { createReadStream, type Dirent } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { giveTo, ownerOf, PRIVATE_FILE, PRIVATE_FOLDER, realPathOf } from '../objects/file-owner.ts';
import { BackupError, StorageError } from '../repository/errors.ts';
import { BACKUP_ID } from './backup-id.ts';
import type { BackupLocation, StoredObject } from './backup-location.ts';

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free space, or choose another location.',
  EDQUOT: 'The quota of the disk is used up: free space, or choose another location.',
  EACCES: 'Permission is denied: let the user of this program read and write it.',
  EPERM: 'Permission is denied: let the user of this program read and write it.',
  EROFS: 'The file system is read-only: choose another location.',
  ENOTDIR: 'A part of the path is a file: choose another location.',
};

/** What went wrong with a file of a backup, and what to do. */
export function asBackupError(error: unknown, action: string, path: string): BackupError {
  if (error instanceof StorageError) return new BackupError(error.message, { cause: error });
  const { code = '', errno, message } = error as NodeJS.ErrnoException;
  const reason = advice[code] ?? `${errno === undefined ? message : getSystemErrorMessage(errno)}.`;
  return new BackupError(`Cannot ${action} ${path}. ${reason}`, { cause: error });
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Ends of names of files that are being written; one that stays is left over from a process that was killed. */
const UNFINISHED = '.unfinished';

class LocalLocation implements BackupLocation {
  readonly text: string;

  constructor(path: string) {
    this.text = path;
  }

  async list(backup?: string): Promise<StoredObject[]> {
    if (backup !== undefined) return this.#filesIn(backup);
    const entries = await entriesOf(this.text);
    const folders = entries.filter((entry) => entry.isDirectory() && BACKUP_ID.test(entry.name));
    return (await Promise.all(folders.map(({ name }) => this.#filesIn(name)))).flat();
  }

  async listDeep(folder: string): Promise<StoredObject[]> {
    const below = await this.folders(folder);
    const deeper = await Promise.all(below.map((name) => this.listDeep(posix.join(folder, name))));
    return [...(await this.#filesIn(folder)), ...deeper.flat()];
  }

  async folders(folder: string): Promise<string[]> {
    const entries = await entriesOf(join(this.text, folder));
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  async #filesIn(folder: string): Promise<StoredObject[]> {
    const entries = await entriesOf(join(this.text, folder));
    const objects = entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        const found = await stat(path).catch((error: unknown) => {
          // Somebody prunes, or a file that was being written has got its name.
          if (isMissing(error)) return undefined;
          throw asBackupError(error, 'read', path);
        });
        if (found === undefined) return [];
        return [{ name: posix.join(folder, entry.name), bytes: found.size, modifiedAt: found.mtime }];
      });
    return (await Promise.all(objects)).flat();
  }

  async read(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const path = join(this.text, name);
    try {
      await stat(path);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw asBackupError(error, 'read', path);
    }
    return readFrom(path);
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#realPath(name);
    try {
      await makeFolder(dirname(path));
      const owner = ownerOf(path);
      await writeDurably(`${path}${UNFINISHED}`, bytes);
      if (owner !== undefined) giveTo(owner, `${path}${UNFINISHED}`, path);
      await rename(`${path}${UNFINISHED}`, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(`${path}${UNFINISHED}`, { force: true }).catch(() => {});
      await rmdir(dirname(path)).catch(() => {});
      throw asBackupError(error, 'write', path);
    }
  }

  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const path = join(this.text, name);
      try {
        await rm(path, { force: true });
        // A folder that still holds something stays.
        await rmdir(dirname(path)).catch(() => {});
      } catch (error) {
        throw asBackupError(error, 'remove', path);
      }
    }
  }

  #realPath(name: string): string {
    const path = join(this.text, name);
    try {
      return realPathOf(path);
    } catch (error) {
      throw asBackupError(error, 'write', path);
    }
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw asBackupError(error, 'list', folder);
  }
}

async function* readFrom(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 });
  } catch (error) {
    throw asBackupError(error, 'read', path);
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'w', PRIVATE_FILE);
  await file.writeFile(bytes);
  await file.sync();
}

/** Makes a folder, and its name durable. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER }).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    // What Node says of a read-only file system; without `recursive` it says the truth.
    return mkdir(folder, PRIVATE_FOLDER).then(() => folder);
  });
  if (first === undefined) return;
  for (let made = resolve(folder); made.length >= resolve(first).length; made = dirname(made)) {
    await syncFolder(dirname(made));
  }
}

/** Makes the names in a folder durable. Windows can do no such thing, and needs it not. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using handle = await open(folder, 'r');
  await handle.sync();
}

export const openLocalLocation = (path: string): BackupLocation => new LocalLocation(path);
