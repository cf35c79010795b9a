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
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StorageUnavailableError } from '../../repository/errors.ts';
import { asStorageError } from './faults.ts';
import type { FileManager, JournalFile, StagedFile, StoredFile } from './file-manager.ts';
import { Identifier } from './journal-format.ts';

const flush = promisify(fdatasync);
const code = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Makes renames and new names in a folder durable. Windows has no such call and keeps the order itself. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A name no other process and no earlier crash can have used. */
const temporaryName = (path: string): string => `${path}.tmp-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;

/** Writes a new file whole and durable, or leaves none. */
async function writeNew(path: string, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Identifier> {
  const identifier = new Identifier();
  try {
    const file = await open(path, 'wx');
    try {
      for await (const piece of content) {
        identifier.add(piece);
        await file.appendFile(piece);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return identifier;
}

/** `readFile` in one piece instead of many: the files are put in place whole and do not change while they are read. */
async function readWhole(path: string): Promise<Buffer> {
  await using file = await open(path, 'r');
  const bytes = Buffer.allocUnsafe((await file.stat()).size);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  return bytesRead === bytes.length ? bytes : readFile(path);
}

/** Files in a folder of the local disk. Writers of other processes are kept out by the lock manager. */
export class LocalFileManager implements FileManager {
  readonly exclusive = true;
  readonly folder: string;
  /** Called right before anything is changed that a lock protects; throws where the lock protects it no longer. */
  readonly requireLock: () => void;

  constructor(folder: string, requireLock: () => void = () => {}) {
    this.folder = folder;
    this.requireLock = requireLock;
  }

  describe(name: string): string {
    return join(this.folder, name);
  }

  async prepare(): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true });
    } catch (error) {
      throw asStorageError(error, 'make the folder', this.folder);
    }
  }

  async requireUsable(): Promise<void> {
    let free: number;
    try {
      const { bavail, bfree } = await statfs(this.folder);
      free = process.getuid?.() === 0 ? bfree : bavail;
    } catch (error) {
      throw asStorageError(error, 'use the folder', this.folder);
    }
    if (free === 0) throw asStorageError({ code: 'ENOSPC' }, 'write to', this.folder);
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
    const temporary = temporaryName(path);
    try {
      const identity = (await writeNew(temporary, content)).identity();
      return {
        identity,
        publish: async () => {
          this.requireLock();
          await rename(temporary, path);
          await syncFolder(this.folder);
        },
        discard: () => rm(temporary, { force: true }),
      };
    } catch (error) {
      throw asStorageError(error, 'write', path);
    }
  }

  async keepCopy(from: string, to: string, { ownBytes }: { ownBytes: boolean }): Promise<void> {
    const [source, target] = [this.describe(from), this.describe(to)];
    const temporary = temporaryName(target);
    try {
      if (ownBytes) await copyFile(source, temporary);
      else await link(source, temporary).catch(() => copyFile(source, temporary));
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
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
      throw asStorageError(error, 'list', this.folder);
    }
  }

  async remove(name: string): Promise<void> {
    await rm(this.describe(name), { force: true });
  }
}

class LocalJournalFile implements JournalFile {
  readonly #files: LocalFileManager;
  readonly #name: string;
  readonly #path: string;
  /** Open for reading, and for appending once something was appended. */
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
    // Not to be withdrawn where it fails: what stands at this position is then another writer's.
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
    // What stands in a file that was moved away must not be acknowledged, nor taken back: others may go on there.
    if (statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode) return;
    throw new StorageUnavailableError(
      `${this.#path} was removed or replaced while it was written. The save may have been stored or not: read it, once the ` +
        'files are back, before you send it again.',
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
    const temporary = temporaryName(this.#path);
    try {
      await writeNew(temporary, [bytes]);
      if (backup !== undefined) await this.#files.keepCopy(this.#name, backup, { ownBytes: false });
      this.#files.requireLock();
      await rename(temporary, this.#path);
      await syncFolder(this.#files.folder);
      await this.close();
      this.#open(constants.O_RDWR);
    } catch (error) {
      await rm(temporary, { force: true });
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

  /** Takes back a write that failed half way. Where even that fails, the next writer finds a torn tail and cuts it off. */
  async #withdraw(position: number): Promise<void> {
    try {
      this.#files.requireLock();
      if (this.#descriptor !== undefined && this.#writable) ftruncateSync(this.#descriptor, position);
    } catch {
      // Reported already by the error that brought us here.
    }
  }
}
