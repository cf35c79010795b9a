import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { JsonStrategyConfig } from '../../config/json-strategy.ts';
import { ConfigurationError, StorageError, StorageUnavailableError } from '../../repository/errors.ts';
import {
  type FileManager,
  JournalChanged,
  type JournalFile,
  type Revision,
  type StagedFile,
  type StoredFile,
} from './file-manager.ts';
import { identify } from './journal-format.ts';

// Three attempts end well within the 25 s of an HTTP call.
const MAX_ATTEMPTS = 3;
const CONNECTION_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 6_000;

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

/** A failed precondition, or S3's 409 for a conditional write during another one. */
const isConflict = (error: unknown): boolean => statusOf(error) === 412 || statusOf(error) === 409;

function asStorageError(error: unknown, action: string, url: string): StorageError {
  if (error instanceof StorageError) return error;
  const { name, message } = error as Error;
  const isOpening = action === 'open';
  if (name === 'NoSuchBucket' || (statusOf(error) === 404 && (isOpening || action === 'use'))) {
    const message = `There is no bucket for ${url}. Create it, or correct json_strategy.base_path.`;
    return isOpening ? new ConfigurationError(message) : new StorageUnavailableError(message, { cause: error });
  }
  const advice =
    statusOf(error) === 403
      ? 'Access is denied: grant this role s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket.'
      : name === 'CredentialsProviderError'
        ? 'There are no AWS credentials: set a profile, a role or AWS_ACCESS_KEY_ID.'
        : `${name}: ${message}.`;
  return new StorageUnavailableError(`Cannot ${action} ${url}. ${advice}`, { cause: error });
}

/**
 * Objects under `s3://bucket/prefix`. Nothing keeps the writers of other processes out; every write names the object that
 * it replaces (`If-Match`, `If-None-Match`), and S3 accepts only one of several.
 */
export class S3FileManager implements FileManager {
  readonly exclusive = false;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor(client: S3Client, bucket: string, prefix: string) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  describe(name: string): string {
    return `s3://${this.#bucket}/${this.#key(name)}`;
  }

  prepare(): Promise<void> {
    return this.#requireBucket('open');
  }

  requireUsable(): Promise<void> {
    return this.#requireBucket('use');
  }

  async missing(names: readonly string[]): Promise<string[]> {
    const found = await Promise.all(names.map((name) => this.#exists(name)));
    return names.filter((_, i) => !found[i]);
  }

  async read(name: string): Promise<StoredFile | undefined> {
    return (await this.get(name)) as StoredFile | undefined;
  }

  /** The object, or undefined if there is none. @param known the revision for which 'unchanged' is returned */
  async get(name: string, known: Revision = null): Promise<StoredFile | 'unchanged' | undefined> {
    const input = { Bucket: this.#bucket, Key: this.#key(name) };
    try {
      const found = await this.#client.send(
        new GetObjectCommand(known === null ? input : { ...input, IfNoneMatch: known }),
      );
      const bytes = Buffer.from((await found.Body?.transformToByteArray()) ?? []);
      return { bytes, revision: found.ETag ?? null };
    } catch (error) {
      if (statusOf(error) === 304) return 'unchanged';
      if ((error as Error).name !== 'NoSuchKey') throw asStorageError(error, 'read', this.describe(name));
      return undefined;
    }
  }

  /**
   * Writes an object over a revision of it.
   * @param over null if there is none yet
   * @returns the new revision
   * @throws JournalChanged if another process was faster
   */
  async put(name: string, bytes: Buffer, over: Revision): Promise<Revision> {
    const condition = over === null ? { IfNoneMatch: '*' } : { IfMatch: over };
    try {
      const input = { Bucket: this.#bucket, Key: this.#key(name), Body: bytes, ...condition };
      return (await this.#client.send(new PutObjectCommand(input))).ETag ?? null;
    } catch (error) {
      // An object that was deleted meanwhile answers a conditional write with 404.
      if (!isConflict(error) && statusOf(error) !== 404) throw asStorageError(error, 'write', this.describe(name));
      // The SDK retries a request whose answer was lost, and the retry meets the object that the first attempt wrote, or a
      // journal that others have continued since.
      const found = await this.read(name);
      if (found?.bytes.equals(bytes)) return found.revision;
      if (found?.bytes.subarray(0, bytes.length).equals(bytes)) return over;
      throw new JournalChanged();
    }
  }

  async stage(name: string, content: AsyncIterable<Uint8Array>): Promise<StagedFile> {
    const bytes = Buffer.concat(await Array.fromAsync(content));
    return {
      identity: identify(bytes),
      publish: async (over) => {
        await this.put(name, bytes, over);
      },
      discard: async () => {},
    };
  }

  async keepCopy(from: string, to: string): Promise<void> {
    try {
      const source = encodeURIComponent(`${this.#bucket}/${this.#key(from)}`);
      await this.#client.send(new CopyObjectCommand({ Bucket: this.#bucket, Key: this.#key(to), CopySource: source }));
    } catch (error) {
      if (statusOf(error) !== 404) throw asStorageError(error, 'keep a copy of', this.describe(from));
    }
  }

  journal(name: string): JournalFile {
    return new S3JournalFile(this, name);
  }

  async list(prefix: string): Promise<string[]> {
    try {
      const found = await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: this.#key(prefix) }),
      );
      const start = this.#key('').length;
      return (found.Contents ?? []).map(({ Key }) => (Key as string).slice(start)).sort();
    } catch (error) {
      throw asStorageError(error, 'list', this.describe(prefix));
    }
  }

  close(): void {
    this.#client.destroy();
  }

  async #requireBucket(action: 'open' | 'use'): Promise<void> {
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }));
    } catch (error) {
      throw asStorageError(error, action, `s3://${this.#bucket}`);
    }
  }

  async #exists(name: string): Promise<boolean> {
    try {
      await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: this.#key(name) }));
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return false;
      throw asStorageError(error, 'check', this.describe(name));
    }
  }

  #key(name: string): string {
    return this.#prefix === '' ? name : `${this.#prefix}/${name}`;
  }
}

/** The journal as one object, written whole at each commit. */
class S3JournalFile implements JournalFile {
  readonly #files: S3FileManager;
  readonly #name: string;
  /** The object as this process knows it; changed by one task at a time. */
  #known: StoredFile | undefined;

  constructor(files: S3FileManager, name: string) {
    this.#files = files;
    this.#name = name;
  }

  async poll(position: number): Promise<'unchanged' | 'grown' | 'replaced'> {
    const before = this.#known;
    const found = await this.#files.get(this.#name, before?.revision);
    if (found !== 'unchanged') this.#known = found;
    const now = this.#known;
    if (now === undefined || before === undefined) return now === before ? 'unchanged' : 'replaced';
    // Bytes that were read before but not applied yet count as grown, too.
    if (now.bytes.length < position || !now.bytes.subarray(0, position).equals(before.bytes.subarray(0, position))) {
      return 'replaced';
    }
    return now.bytes.length === position ? 'unchanged' : 'grown';
  }

  async readAll(): Promise<Buffer | undefined> {
    this.#known = await this.#files.read(this.#name);
    return this.#known?.bytes;
  }

  readFrom(position: number): Buffer {
    return (this.#known as StoredFile).bytes.subarray(position);
  }

  async append(bytes: Buffer, position: number): Promise<void> {
    const { bytes: before, revision } = this.#known as StoredFile;
    // Records of other processes were read but not applied yet.
    if (before.length !== position) throw new JournalChanged();
    await this.#write(Buffer.concat([before, bytes]), revision);
  }

  async truncate(): Promise<void> {
    throw new Error('An object on S3 is written whole and has no torn tail.');
  }

  async replace(bytes: Buffer, position: number, backup: string | undefined): Promise<void> {
    if ((this.#known?.bytes.length ?? 0) !== position) throw new JournalChanged();
    if (backup !== undefined) await this.#files.keepCopy(this.#name, backup);
    await this.#write(bytes, this.#known?.revision ?? null);
  }

  async sync(): Promise<void> {}

  async close(): Promise<void> {
    this.#files.close();
  }

  async #write(bytes: Buffer, over: Revision): Promise<void> {
    this.#known = { bytes, revision: await this.#files.put(this.#name, bytes, over) };
  }
}

/** The files of a store whose `base_path` is `s3://bucket/prefix`. */
export function openS3FileManager({ base_path, endpoint, region }: JsonStrategyConfig): S3FileManager {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/*$/.exec(base_path) ?? [];
  const client = new S3Client({
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Without it, the SDK only logs a warning.
      throwOnRequestTimeout: true,
    },
    ...(region === undefined ? {} : { region }),
    // Servers other than AWS rarely support buckets as host names.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
  });
  return new S3FileManager(client, bucket, prefix);
}
