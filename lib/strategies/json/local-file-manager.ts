import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { MIN_FREE_BYTES } from '../../model/limits.ts';
import { PRIVATE_FOLDER, realPathOf } from '../../objects/file-owner.ts';
import { StorageUnavailableError } from '../../repository/errors.ts';
import { syncFile, syncFolder, temporaryName, writeNew } from './durable-files.ts';
import { asStorageError } from './faults.ts';
import type { FileManager, JournalFile, StagedFile, StoredFile } from './file-manager.ts';
import { FileOwners } from './file-owners.ts';

const flush = promisify(fdatasync);
const code = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Faster than `readFile`, which reads in pieces: data files are replaced as a whole and do not change while they are read. */
async function readWhole(path: string): Promise<Buffer> {
  await using file = await open(path, 'r');
  const bytes = Buffer.allocUnsafe((await file.stat()).size);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  return bytesRead === bytes.length ? bytes : readFile(path);
}

/**
 * Files in a folder of the local disk. The lock manager keeps out the writers of other processes. A file that is replaced
 * keeps its mode and owner; if it is a symbolic link, the link stays and its target is replaced.
 */
export class LocalFileManager implements FileManager {
  readonly exclusive = true;
  readonly folder: string;
  readonly owners: FileOwners;
  /** Called right before anything is changed that a lock protects; throws if the lock no longer protects it. */
  readonly requireLock: () => void;

  /** @param models names of the files from which a new file takes its mode and owner: the first one that exists */
  constructor(folder: string, models: readonly string[] = [], requireLock: () => void = () => {}) {
    this.folder = folder;
    this.owners = new FileOwners(folder, models);
    this.requireLock = requireLock;
  }

  describe(name: string): string {
    return join(this.folder, name);
  }

  async prepare(): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true, mode: PRIVATE_FOLDER });
    } catch (error) {
      throw asStorageError(error, 'create the folder', this.folder);
    }
  }

  async requireUsable(): Promise<void> {
    let free: number;
    try {
      const { bavail, bfree, bsize } = await statfs(this.folder);
      free = bsize * (process.getuid?.() === 0 ? bfree : bavail);
    } catch (error) {
      throw asStorageError(error, 'use the folder', this.folder);
    }
    if (free < MIN_FREE_BYTES) throw asStorageError({ code: 'ENOSPC' }, 'write to', this.folder);
  }

  async missing(names: readonly string[]): Promise<string[]> {
    try {
      return names.filter((name) => statSync(this.describe(name), { throwIfNoEntry: false }) === undefined);
    } catch (error) {
      throw asStorageError(error, 'look into', this.folder);
    }
  }

  async read(name: string): Promise<StoredFile | undefined> {
    try {
      return { bytes: await readWhole(this.describe(name)), revision: null };
    } catch (error) {
      if (code(error) === 'ENOENT') return undefined;
      throw asStorageError(error, 'read', this.describe(name));
    }
  }

  async stage(name: string, content: AsyncIterable<Uint8Array>): Promise<StagedFile> {
    const path = this.describe(name);
    let temporary: string | undefined;
    try {
      const real = realPathOf(path);
      const written = temporaryName(real);
      const identity = (await writeNew(written, content)).identity();
      temporary = written;
      this.owners.adopt(written, name);
      return {
        identity,
        publish: async () => {
          this.requireLock();
          await rename(written, real);
          await syncFolder(dirname(real));
        },
        discard: () => rm(written, { force: true }),
      };
    } catch (error) {
      if (temporary !== undefined) await rm(temporary, { force: true });
      throw asStorageError(error, 'write', path);
    }
  }

  async keepCopy(from: string, to: string, { ownBytes }: { ownBytes: boolean }): Promise<void> {
    const source = this.describe(from);
    let temporary: string | undefined;
    try {
      // Linking a symbolic link would give another name to the link, not to its target.
      const [real, target] = [realPathOf(source), realPathOf(this.describe(to))];
      temporary = temporaryName(target);
      const copy = temporary;
      const isLinked =
        !ownBytes &&
        (await link(real, copy).then(
          () => true,
          () => false,
        ));
      if (!isLinked) {
        await copyFile(real, copy);
        this.owners.adopt(copy, from);
        await syncFile(copy);
      }
      await rename(copy, target);
    } catch (error) {
      if (temporary !== undefined) await rm(temporary, { force: true });
      if (code(error) !== 'ENOENT') throw asStorageError(error, 'keep a copy of', source);
    }
  }

  journal(name: string): JournalFile {
    return new LocalJournalFile(this, name);
  }

  async list(prefix: string): Promise<string[]> {
    try {
      return (await readdir(this.folder)).filter((name) => name.startsWith(prefix)).sort();
    } catch (error) {
      if (code(error) === 'ENOENT') return [];
      throw asStorageError(error, 'list', this.folder);
    }
  }
}

class LocalJournalFile implements JournalFile {
  readonly #files: LocalFileManager;
  readonly #name: string;
  readonly #path: string;
  /** Open for reading, and also for appending after the first append. */
  #descriptor: number | undefined;
  #inode = 0;
  #writable = false;

  constructor(files: LocalFileManager, name: string) {
    this.#files = files;
    this.#name = name;
    this.#path = files.describe(name);
  }

  poll(position: number): 'unchanged' | 'grown' | 'replaced' {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    if (found === undefined) return this.#descriptor === undefined ? 'unchanged' : 'replaced';
    // The descriptor keeps the inode alive, so that its number cannot be given to another file meanwhile.
    if (this.#descriptor === undefined || found.ino !== this.#inode || found.size < position) return 'replaced';
    return found.size === position ? 'unchanged' : 'grown';
  }

  async readAll(): Promise<Buffer | undefined> {
    await this.close();
    try {
      this.#open(constants.O_RDONLY);
    } catch (error) {
      if (code(error) === 'ENOENT') return undefined;
      throw asStorageError(error, 'read', this.#path);
    }
    return this.readFrom(0);
  }

  readFrom(position: number): Buffer {
    const descriptor = this.#descriptor as number;
    const bytes = Buffer.allocUnsafe(Math.max(0, fstatSync(descriptor).size - position));
    let read = 0;
    while (read < bytes.length) {
      const count = readSync(descriptor, bytes, read, bytes.length - read, position + read);
      if (count === 0) break;
      read += count;
    }
    return bytes.subarray(0, read);
  }

  async append(bytes: Buffer, position: number, durable: boolean): Promise<void> {
    // Outside of `try`: if the lock is lost, the bytes at this position are another writer's and must not be cut off.
    this.#files.requireLock();
    try {
      if (!this.#writable) this.#open(constants.O_RDWR);
      const descriptor = this.#descriptor as number;
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(descriptor, bytes, written, bytes.length - written, position + written);
      }
      if (durable) await flush(descriptor);
    } catch (error) {
      await this.#withdraw(position);
      throw asStorageError(error, 'write', this.#path);
    }
    // A write to a file that was moved away must not be acknowledged, nor undone: others may be using the file there.
    if (statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode) return;
    throw new StorageUnavailableError(
      `${this.#path} was removed or replaced while it was written. The save may or may not have been stored: once the files ` +
        'are back, read the record before you repeat the call.',
    );
  }

  async truncate(position: number): Promise<void> {
    try {
      if (!this.#writable) this.#open(constants.O_RDWR);
      this.#files.requireLock();
      ftruncateSync(this.#descriptor as number, position);
      await flush(this.#descriptor as number);
    } catch (error) {
      throw asStorageError(error, 'write', this.#path);
    }
  }

  async replace(bytes: Buffer, _position: number, backup: string | undefined): Promise<void> {
    let temporary: string | undefined;
    try {
      const real = realPathOf(this.#path);
      temporary = temporaryName(real);
      await writeNew(temporary, [bytes]);
      this.#files.owners.adopt(temporary, this.#name);
      if (backup !== undefined) await this.#files.keepCopy(this.#name, backup, { ownBytes: false });
      this.#files.requireLock();
      await rename(temporary, real);
      await syncFolder(dirname(real));
      await this.close();
      this.#open(constants.O_RDWR);
    } catch (error) {
      if (temporary !== undefined) await rm(temporary, { force: true });
      throw asStorageError(error, 'write', this.#path);
    }
  }

  async sync(): Promise<void> {
    try {
      if (this.#descriptor !== undefined && this.#writable) await flush(this.#descriptor);
    } catch (error) {
      throw asStorageError(error, 'write', this.#path);
    }
  }

  async close(): Promise<void> {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    this.#writable = false;
  }

  #open(flags: number): void {
    const descriptor = openSync(this.#path, flags);
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#inode = fstatSync(descriptor).ino;
    this.#writable = flags === constants.O_RDWR;
  }

  /** Undoes a write that failed half way. If even that fails, the next writer finds a torn tail and cuts it off. */
  async #withdraw(position: number): Promise<void> {
    try {
      this.#files.requireLock();
      if (this.#descriptor !== undefined && this.#writable) ftruncateSync(this.#descriptor, position);
    } catch {
      // The error that brought us here has been reported already.
    }
  }
}
