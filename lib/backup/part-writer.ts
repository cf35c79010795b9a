import { createHash, type Hash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import type { CollectionName } from '../model/collections.ts';
import type { BackupLocation } from './backup-location.ts';
import type { BackupPart } from './manifest.ts';

const gzip = promisify(gzipWithCallback);

/** Text that is compressed in one go, on another thread. A file of several gzip members is one for every tool. */
const MEMBER_BYTES = 256 * 1024;
/** Members that are compressed while more text is gathered. */
const MAX_COMPRESSING = 3;
/** A part ends when it is larger. S3 takes up to 5 GB in one call, but memory holds a part until it is stored. */
const PART_BYTES = 4 * 1024 * 1024;

interface OpenPart {
  readonly members: Buffer[];
  readonly hash: Hash;
  bytes: number;
  entities: number;
}

const newPart = (): OpenPart => ({ members: [], hash: createHash('sha256'), bytes: 0, entities: 0 });

/** Writes lines of one collection as compressed parts. */
export class PartWriter {
  readonly parts: BackupPart[] = [];
  readonly #location: BackupLocation;
  readonly #folder: string;
  readonly #collection: CollectionName;
  #lines: string[] = [];
  #gathered = 0;
  #part = newPart();
  readonly #compressing: Promise<void>[] = [];
  #tail: Promise<void> = Promise.resolve();

  constructor(location: BackupLocation, folder: string, collection: CollectionName) {
    this.#location = location;
    this.#folder = folder;
    this.#collection = collection;
  }

  /** Adds lines of JSON. Resolves when more may come: not before, memory would grow. */
  async add(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      this.#lines.push(line);
      this.#gathered += line.length;
    }
    if (this.#gathered >= MEMBER_BYTES) this.#compress();
    if (this.#compressing.length >= MAX_COMPRESSING) await this.#compressing[0];
  }

  /** Stores what is left. */
  async end(): Promise<void> {
    if (this.#lines.length > 0) this.#compress();
    await this.#tail;
    await this.#store();
  }

  /** Waits until nothing is being stored any more, also after a failure. */
  async settled(): Promise<void> {
    await this.#tail.catch(() => {});
  }

  #compress(): void {
    const entities = this.#lines.length;
    const member = gzip(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
    this.#gathered = 0;
    const appended = Promise.all([member, this.#tail]).then(async ([bytes]) => {
      this.#part.members.push(bytes);
      this.#part.hash.update(bytes);
      this.#part.bytes += bytes.length;
      this.#part.entities += entities;
      if (this.#part.bytes >= PART_BYTES) await this.#store();
    });
    appended.catch(() => {});
    this.#tail = appended;
    this.#compressing.push(appended);
    appended.finally(() => this.#compressing.shift()).catch(() => {});
  }

  async #store(): Promise<void> {
    const { members, hash, bytes, entities } = this.#part;
    if (entities === 0) return;
    this.#part = newPart();
    const file = `${this.#collection}-${String(this.parts.length + 1).padStart(5, '0')}.ndjson.gz`;
    await this.#location.write(`${this.#folder}/${file}`, Buffer.concat(members));
    this.parts.push({ file, entities, bytes, sha256: hash.digest('hex') });
  }
}
