/** What a collection holds, in a few kilobytes: equal for equal contents, whatever the order of reading. */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { canonicalJson } from '../model/canonical-json.ts';
import type { CollectionName } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { idOf } from '../repository/guarded-write.ts';

/** Entities fall into so many buckets by their id: of contents that differ, only the buckets that do are read again. */
export const BUCKETS = 4096;
/** Words of 32 bits that are kept of a hash. */
const WORDS = 4;

/** A digest as JSON. */
export interface DigestData {
  /** Base64 of the sums, `WORDS` words a bucket, little-endian. */
  readonly sums: string;
  /** Base64 of the numbers of entities, a word a bucket. */
  readonly counts: string;
}

export const bucketOf = (id: string): number => crc32(id) % BUCKETS;

/** The sum of the SHA-256 hashes, cut to 128 bits, of the entities of each bucket, bit by bit modulo 2 (as XOR). */
export class ContentDigest {
  readonly #sums: Uint32Array;
  readonly #counts: Uint32Array;

  constructor(data?: DigestData) {
    this.#sums = data === undefined ? new Uint32Array(BUCKETS * WORDS) : wordsOf(data.sums);
    this.#counts = data === undefined ? new Uint32Array(BUCKETS) : wordsOf(data.counts);
  }

  /** The digest itself, or the one that JSON describes. */
  static of(digest: ContentDigest | DigestData): ContentDigest {
    return digest instanceof ContentDigest ? digest : new ContentDigest(digest);
  }

  add(collection: CollectionName, entity: Entity, json = canonicalJson(entity)): void {
    const bucket = bucketOf(idOf(collection, entity));
    const bytes = hash('sha256', json, 'buffer');
    for (let i = 0; i < WORDS; i++) {
      const at = bucket * WORDS + i;
      this.#sums[at] = (this.#sums[at] as number) ^ bytes.readUInt32LE(4 * i);
    }
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
  }

  /** Adds what another part of the same collection holds. */
  merge(other: ContentDigest): void {
    for (let i = 0; i < this.#sums.length; i++) {
      this.#sums[i] = (this.#sums[i] as number) ^ (other.#sums[i] as number);
    }
    for (let i = 0; i < BUCKETS; i++) {
      this.#counts[i] = (this.#counts[i] as number) + (other.#counts[i] as number);
    }
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** All of it as one text: equal for equal contents. */
  get text(): string {
    return hash('sha256', Buffer.concat([bytesOf(this.#sums), bytesOf(this.#counts)]), 'hex');
  }

  /** The buckets in which another digest differs. */
  differingBuckets(other: ContentDigest): ReadonlySet<number> {
    const differing = new Set<number>();
    for (let bucket = 0; bucket < BUCKETS; bucket++) if (!this.#sameBucket(other, bucket)) differing.add(bucket);
    return differing;
  }

  toJSON(): DigestData {
    return { sums: bytesOf(this.#sums).toString('base64'), counts: bytesOf(this.#counts).toString('base64') };
  }

  #sameBucket(other: ContentDigest, bucket: number): boolean {
    if (this.#counts[bucket] !== other.#counts[bucket]) return false;
    for (let at = bucket * WORDS; at < (bucket + 1) * WORDS; at++) {
      if (this.#sums[at] !== other.#sums[at]) return false;
    }
    return true;
  }
}

// Every machine that Node runs on is little-endian.
const bytesOf = (words: Uint32Array): Buffer => Buffer.from(words.buffer, words.byteOffset, words.byteLength);

function wordsOf(base64: string): Uint32Array {
  const bytes = Buffer.from(base64, 'base64');
  return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
