import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { BackupError } from '../repository/errors.ts';
import type { BackupLocation, StoredObject } from './backup-location.ts';

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free space, or choose another location.',
  EDQUOT: 'The quota of the disk is used up: free space, or choose another location.',
  EACCES: 'Permission is denied: let the user of this program read and write it.',
  EPERM: 'Permission is denied: let the user of this program read and write it.',
  EROFS: 'The file system is read-only: choose another location.',
  ENOTDIR: 'A part of the path is a file: choose another location.',
};

function asBackupError(error: unknown, action: string, path: string): BackupError {
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

  async list(prefix = ''): Promise<StoredObject[]> {
    try {
      const entries = await readdir(this.text, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      const objects = files.map(async (file) => {
        const name = relative(this.text, file).split(sep).join('/');
        if (!name.startsWith(prefix)) return [];
        const { size, mtime } = await stat(file);
        return [{ name, bytes: size, modifiedAt: mtime }];
      });
      return (await Promise.all(objects)).flat();
    } catch (error) {
      if (isMissing(error)) return [];
      throw asBackupError(error, 'list', this.text);
    }
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
    const path = join(this.text, name);
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeDurably(`${path}${UNFINISHED}`, bytes);
      await rename(`${path}${UNFINISHED}`, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(`${path}${UNFINISHED}`, { force: true }).catch(() => {});
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
}

async function* readFrom(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 });
  } catch (error) {
    throw asBackupError(error, 'read', path);
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'w', 0o600);
  await file.writeFile(bytes);
  await file.sync();
}

/** Makes the names in a folder durable. Windows can do no such thing, and needs it not. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using handle = await open(folder, 'r');
  await handle.sync();
}

export const openLocalLocation = (path: string): BackupLocation => new LocalLocation(path);
