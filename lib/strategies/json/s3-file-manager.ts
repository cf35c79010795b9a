import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { JsonStrategyConfig } from '../../config/json-strategy.ts';
import { ConfigurationError, StorageError, StorageUnavailableError } from '../../repository/errors.ts';
import { type FileManager, type JournalFile, JournalMoved, type StagedFile } from './file-manager.ts';
import { identify } from './journal-format.ts';

/** The object a key held when it was last read or written: its ETag, or null where there was none. */
type Revision = string | null;

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

/** Failed preconditions, and S3's 409 for a conditional write that met another one under way. */
const isConflict = (error: unknown): boolean => statusOf(error) === 412 || statusOf(error) === 409;

function asStorageError(error: unknown, action: string, place: string): StorageError {
  if (error instanceof StorageError) return error;
  const { name, message } = error as Error;
  if (name === 'NoSuchBucket' || (statusOf(error) === 404 && action === 'use')) {
    return new ConfigurationError(`There is no bucket for ${place}. Create it, or correct json_strategy.base_path.`);
  }
  const advice =
    statusOf(error) === 403
      ? 'Access is denied: give this role s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there.'
      : name === 'CredentialsProviderError'
        ? 'There are no AWS credentials: set a profile, a role or AWS_ACCESS_KEY_ID.'
        : `${name}: ${message}.`;
  return new StorageUnavailableError(`Cannot ${action} ${place}. ${advice}`, { cause: error });
}

/**
 * Objects under `s3://bucket/prefix`. Nothing keeps the writers of other processes out; every write names the object it
 * replaces (`If-Match`, `If-None-Match`), and S3 lets only one of several through.
 */
export class S3FileManager implements FileManager {
  readonly exclusive = false;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #revisions = new Map<string, Revision>();

  constructor(client: S3Client, bucket: string, prefix: string) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  describe(name: string): string {
    return `s3://${this.#bucket}/${this.#key(name)}`;
  }

  async prepare(): Promise<void> {
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }));
    } catch (error) {
      throw asStorageError(error, 'use', `s3://${this.#bucket}`);
    }
  }

  async read(name: string): Promise<Buffer | undefined> {
    return (await this.get(name, undefined)) ?? undefined;
  }

  /** The object, undefined where it is still `known`, null where there is none. */
  async get(name: string, known: Revision | undefined): Promise<Buffer | undefined | null> {
    const input = { Bucket: this.#bucket, Key: this.#key(name) };
    try {
      const found = await this.#client.send(
        new GetObjectCommand(typeof known === 'string' ? { ...input, IfNoneMatch: known } : input),
      );
      const bytes = Buffer.from((await found.Body?.transformToByteArray()) ?? []);
      this.#revisions.set(name, found.ETag ?? null);
      return bytes;
    } catch (error) {
      if (statusOf(error) === 304) return undefined;
      if ((error as Error).name !== 'NoSuchKey') throw asStorageError(error, 'read', this.describe(name));
      this.#revisions.set(name, null);
      return null;
    }
  }

  /** The revision of an object as this process knows it. */
  revision(name: string): Revision {
    return this.#revisions.get(name) ?? null;
  }

  /**
   * Writes an object over the revision that this process knows.
   * @throws JournalMoved where another process was faster
   */
  async put(name: string, bytes: Buffer): Promise<void> {
    const known = this.revision(name);
    const condition = known === null ? { IfNoneMatch: '*' } : { IfMatch: known };
    try {
      const written = await this.#client.send(
        new PutObjectCommand({ Bucket: this.#bucket, Key: this.#key(name), Body: bytes, ...condition }),
      );
      this.#revisions.set(name, written.ETag ?? null);
    } catch (error) {
      if (isConflict(error) && (await this.#isOurs(name, bytes))) return;
      // An object that was deleted meanwhile answers a conditional write with 404.
      if (isConflict(error) || statusOf(error) === 404) throw new JournalMoved();
      throw asStorageError(error, 'write', this.describe(name));
    }
  }

  async stage(name: string, content: AsyncIterable<Uint8Array>): Promise<StagedFile> {
    const bytes = Buffer.concat(await Array.fromAsync(content));
    return { identity: identify(bytes), publish: () => this.put(name, bytes), discard: async () => {} };
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

  async remove(name: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: this.#key(name) }));
    this.#revisions.set(name, null);
  }

  close(): void {
    this.#client.destroy();
  }

  /**
   * Whether a refused write had been done all the same: the SDK repeats a request whose answer was lost, and the
   * repetition then meets the object that the first one wrote, or a journal that others have continued since.
   */
  async #isOurs(name: string, bytes: Buffer): Promise<boolean> {
    const before = this.revision(name);
    const found = await this.get(name, undefined);
    if (found?.equals(bytes)) return true;
    this.#revisions.set(name, before);
    return found?.subarray(0, bytes.length).equals(bytes) ?? false;
  }

  #key(name: string): string {
    return this.#prefix === '' ? name : `${this.#prefix}/${name}`;
  }
}

/** The journal as one object, written whole at each commit. */
class S3JournalFile implements JournalFile {
  readonly #files: S3FileManager;
  readonly #name: string;
  #content: Buffer | undefined;

  constructor(files: S3FileManager, name: string) {
    this.#files = files;
    this.#name = name;
  }

  async poll(position: number): Promise<'unchanged' | 'grown' | 'replaced'> {
    const before = this.#content;
    const found = await this.#files.get(this.#name, this.#files.revision(this.#name));
    const content = found === undefined ? before : (found ?? undefined);
    this.#content = content;
    if (content === undefined || before === undefined) return content === before ? 'unchanged' : 'replaced';
    if (content.length < position || !content.subarray(0, before.length).equals(before)) return 'replaced';
    return content.length === position ? 'unchanged' : 'grown';
  }

  async readAll(): Promise<Buffer | undefined> {
    this.#content = await this.#files.read(this.#name);
    return this.#content;
  }

  readFrom(position: number): Buffer {
    return (this.#content as Buffer).subarray(position);
  }

  async append(bytes: Buffer, position: number): Promise<void> {
    const content = Buffer.concat([(this.#content as Buffer).subarray(0, position), bytes]);
    await this.#files.put(this.#name, content);
    this.#content = content;
  }

  async truncate(): Promise<void> {
    throw new Error('An object on S3 is written whole and has no torn tail.');
  }

  async replace(bytes: Buffer, backup: string | undefined): Promise<void> {
    if (backup !== undefined) await this.#files.keepCopy(this.#name, backup);
    await this.#files.put(this.#name, bytes);
    this.#content = bytes;
  }

  async sync(): Promise<void> {}

  async close(): Promise<void> {
    this.#files.close();
  }
}

/** The files of a store whose `base_path` is `s3://bucket/prefix`. */
export function openS3FileManager({ base_path, endpoint, region }: JsonStrategyConfig): S3FileManager {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/*$/.exec(base_path) ?? [];
  const client = new S3Client({
    ...(region === undefined ? {} : { region }),
    // Servers other than AWS's rarely know buckets as host names.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
  });
  return new S3FileManager(client, bucket, prefix);
}
