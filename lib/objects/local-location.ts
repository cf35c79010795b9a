import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { BackupError, StorageError } from '../repository/errors.ts';
import { giveTo, ownerOf, PRIVATE_FILE, PRIVATE_FOLDER, realPathOf } from './file-owner.ts';
import { keyText, type Location, type LocationSettings, type StoredObject } from './location.ts';

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free space, or choose another location.',
  EDQUOT: 'The quota of the disk is used up: free space, or choose another location.',
  EACCES: 'Permission is denied: let the user of this program read and write it.',
  EPERM: 'Permission is denied: let the user of this program read and write it.',
  EROFS: 'The file system is read-only: choose another location.',
  ENOTDIR: 'A part of the path is a file: choose another location.',
};

/** A system error as an error that says what to do. @param action such as 'write' */
export function asLocationError(
  error: unknown,
  action: string,
  path: string,
  { failure: Failure = BackupError, key }: LocationSettings = {},
): StorageError {
  if (error instanceof StorageError) return new Failure(error.message, { cause: error });
  const { code = '', errno, message } = error as NodeJS.ErrnoException;
  const reason = advice[code] ?? `${errno === undefined ? message : getSystemErrorMessage(errno)}.`;
  return new Failure(`Cannot ${action} ${path}${keyText(key)}. ${reason}`, { cause: error });
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Ends the names of files that are being written; one that stays was left by a process that was killed. */
const UNFINISHED = '.unfinished';
/** Errors of file systems without hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

class LocalLocation implements Location {
  readonly text: string;
  readonly #settings: LocationSettings;

  constructor(path: string, settings: LocationSettings) {
    this.text = path;
    this.#settings = settings;
  }

  list(folder: string): Promise<StoredObject[]> {
    return this.#filesIn(folder);
  }

  async listFolders(isWanted: (folder: string) => boolean): Promise<StoredObject[]> {
    const folders = (await this.folders('')).filter(isWanted);
    return (await Promise.all(folders.map((name) => this.#filesIn(name)))).flat();
  }

  async listDeep(folder: string): Promise<StoredObject[]> {
    const below = await this.folders(folder);
    const deeper = await Promise.all(below.map((name) => this.listDeep(posix.join(folder, name))));
    return [...(await this.#filesIn(folder)), ...deeper.flat()];
  }

  async folders(folder: string): Promise<string[]> {
    const entries = await this.#entriesOf(folder);
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  async #filesIn(folder: string): Promise<StoredObject[]> {
    const entries = await this.#entriesOf(folder);
    const objects = entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        const found = await stat(path).catch((error: unknown) => {
          // It has just been removed, or renamed because it is complete.
          if (isMissing(error)) return undefined;
          throw this.#error(error, 'read', path);
        });
        if (found === undefined) return [];
        return [{ name: posix.join(folder, entry.name), bytes: found.size, modifiedAt: found.mtime }];
      });
    return (await Promise.all(objects)).flat();
  }

  async read(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const path = join(this.text, name);
    try {
      // Opened at once: whatever is removed or replaced from now on, what was found is read.
      return this.#chunksOf(path, await open(path, 'r'));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw this.#error(error, 'read', path);
    }
  }

  async *#chunksOf(path: string, file: FileHandle): AsyncGenerator<Uint8Array> {
    try {
      yield* file.createReadStream({ highWaterMark: 256 * 1024 });
    } catch (error) {
      throw this.#error(error, 'read', path);
    }
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#realPath(name);
    await this.#putInPlace(path, bytes, async (unfinished) => {
      const owner = ownerOf(path);
      if (owner !== undefined) giveTo(owner, unfinished, path);
      await rename(unfinished, path);
    });
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    const path = join(this.text, name);
    let isCreated = true;
    await this.#putInPlace(path, bytes, async (unfinished) => {
      try {
        // Unlike a rename, a link replaces nothing.
        await link(unfinished, path).catch((error: unknown) => {
          if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
          return writeDurably(path, bytes, 'wx');
        });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        isCreated = false;
      }
      await rm(unfinished);
    });
    return isCreated;
  }

  /** Writes a file of its own, durably, and lets `place` give it its name. */
  async #putInPlace(path: string, bytes: Uint8Array, place: (unfinished: string) => Promise<void>): Promise<void> {
    const unfinished = `${path}.${randomUUID().slice(0, 8)}${UNFINISHED}`;
    try {
      await writeInFolder(unfinished, bytes);
      await place(unfinished);
      // Another process may have removed the object by now, and the folder with it.
      await syncFolder(dirname(path)).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {});
      await rmdir(dirname(path)).catch(() => {});
      throw this.#error(error, 'write', path);
    }
  }

  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const path = join(this.text, name);
      try {
        await rm(path, { force: true });
        await this.#removeEmpty(dirname(name));
      } catch (error) {
        throw this.#error(error, 'remove', path);
      }
    }
  }

  /** Removes a folder and those above it, as far as they are empty. */
  async #removeEmpty(folder: string): Promise<void> {
    for (let name = folder; name !== '.'; name = dirname(name)) {
      const isGone = await rmdir(join(this.text, name)).then(
        () => true,
        () => false,
      );
      if (!isGone) return;
    }
  }

  #realPath(name: string): string {
    const path = join(this.text, name);
    try {
      return realPathOf(path);
    } catch (error) {
      throw this.#error(error, 'write', path);
    }
  }

  async #entriesOf(folder: string): Promise<Dirent[]> {
    const path = join(this.text, folder);
    try {
      return await readdir(path, { withFileTypes: true });
    } catch (error) {
      if (isMissing(error)) return [];
      throw this.#error(error, 'list', path);
    }
  }

  #error(error: unknown, action: string, path: string): StorageError {
    return asLocationError(error, action, path, this.#settings);
  }
}

async function writeDurably(path: string, bytes: Uint8Array, flags = 'w'): Promise<void> {
  await using file = await open(path, flags, PRIVATE_FILE);
  await file.writeFile(bytes);
  await file.sync();
}

/** How often a folder is made again that another process removes because it is still empty. */
const FOLDER_ATTEMPTS = 20;

async function writeInFolder(path: string, bytes: Uint8Array): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await makeFolder(dirname(path));
      return await writeDurably(path, bytes);
    } catch (error) {
      // It was removed by another process, or made by one.
      const isRace = isMissing(error) || (error as NodeJS.ErrnoException).code === 'EEXIST';
      if (!isRace || attempt === FOLDER_ATTEMPTS) throw error;
    }
  }
}

/** Makes a folder, and its name durable. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER }).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    return makeFolders(resolve(folder));
  });
  if (first === undefined) return;
  for (let made = resolve(folder); made.length >= resolve(first).length; made = dirname(made)) {
    await syncFolder(dirname(made));
  }
}

/** As `mkdir` with `recursive`, which says of a read-only file system that a folder is missing. @returns the first made */
async function makeFolders(folder: string): Promise<string> {
  try {
    await mkdir(folder, PRIVATE_FOLDER);
    return folder;
  } catch (error) {
    if (!isMissing(error) || dirname(folder) === folder) throw error;
    const first = await makeFolders(dirname(folder));
    await mkdir(folder, PRIVATE_FOLDER);
    return first;
  }
}

/** Makes the names in a folder durable. Windows cannot, and does not need it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using handle = await open(folder, 'r');
  await handle.sync();
}

export const openLocalLocation = (path: string, settings: LocationSettings): Location =>
  new LocalLocation(path, settings);
