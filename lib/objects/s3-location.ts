import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { BackupError, StorageError } from '../repository/errors.ts';
import { keyText, type Location, type LocationSettings, readText, type StoredObject } from './location.ts';

const MAX_ATTEMPTS = 5;
const CONNECTION_TIMEOUT_MS = 5_000;
/** Of one attempt: a part of a backup is a few megabytes. */
const REQUEST_TIMEOUT_MS = 60_000;
/** S3: 1,000 keys in one DeleteObjects. */
const MAX_DELETED = 1000;
/** What S3 answers to a conditional write: the object exists, or another such write is under way. */
const EXISTS = new Set(['PreconditionFailed', 'ConditionalRequestConflict']);

const advice: Readonly<Record<string, string>> = {
  NoSuchBucket: 'There is no such bucket: create it, or correct the location.',
  AccessDenied: 'Access is denied: give this role s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there.',
  CredentialsProviderError: 'There are no AWS credentials: set a profile, a role or AWS_ACCESS_KEY_ID.',
  PermanentRedirect: 'The bucket is in another region: set backup.region.',
  ExpiredToken: 'The AWS credentials have expired: renew them.',
};

const adviceOn = (kind: string, message: string): string => advice[kind] ?? `${kind}: ${message}.`;

class S3Location implements Location {
  readonly text: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #settings: LocationSettings;

  constructor(text: string, client: S3Client, settings: LocationSettings) {
    this.text = text;
    this.#client = client;
    this.#settings = settings;
    const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(text) ?? [];
    this.#bucket = bucket;
    this.#prefix = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  }

  async list(folder: string): Promise<StoredObject[]> {
    const depth = folder === '' ? 1 : folder.split('/').length + 1;
    return (await this.listDeep(folder)).filter(({ name }) => name.split('/').length === depth);
  }

  async listFolders(isWanted: (folder: string) => boolean): Promise<StoredObject[]> {
    return (await this.listDeep('')).filter(({ name }) => {
      const [folder = '', file = '', ...deeper] = name.split('/');
      return file !== '' && deeper.length === 0 && isWanted(folder);
    });
  }

  async listDeep(folder: string): Promise<StoredObject[]> {
    const objects: StoredObject[] = [];
    for await (const { Contents = [] } of this.#pages(folder)) {
      for (const { Key = '', Size = 0, LastModified = new Date(0) } of Contents) {
        objects.push({ name: Key.slice(this.#prefix.length), bytes: Size, modifiedAt: LastModified });
      }
    }
    return objects;
  }

  async folders(folder: string): Promise<string[]> {
    const names: string[] = [];
    for await (const { CommonPrefixes = [] } of this.#pages(folder, { Delimiter: '/' })) {
      names.push(...CommonPrefixes.map(({ Prefix = '' }) => Prefix.split('/').at(-2) ?? ''));
    }
    return names;
  }

  async *#pages(
    folder: string,
    options: { readonly Delimiter?: string } = {},
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    const Prefix = this.#prefix + (folder === '' ? '' : `${folder}/`);
    let ContinuationToken: string | undefined;
    do {
      const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix, ContinuationToken, ...options });
      const page = await this.#attempt('list', folder, () => this.#client.send(command));
      yield page;
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
  }

  async read(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const answer = await this.#attempt('read', name, () =>
      this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + name })).catch((error) => {
        if (error instanceof NoSuchKey) return undefined;
        throw error;
      }),
    );
    return answer === undefined ? undefined : this.#bytesOf(name, answer.Body as AsyncIterable<Uint8Array>);
  }

  async *#bytesOf(name: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      throw this.#asLocationError(error, 'read', name);
    }
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#attempt('write', name, () =>
      this.#client.send(new PutObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + name, Body: bytes })),
    );
  }

  async create(name: string, Body: Uint8Array): Promise<boolean> {
    return this.#attempt('write', name, async () => {
      const command = new PutObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + name, Body, IfNoneMatch: '*' });
      try {
        await this.#client.send(command);
        return true;
      } catch (error) {
        if (!EXISTS.has((error as Error).name)) throw error;
        // The SDK repeats a call whose answer was lost: then the object that it finds may be its own.
        return await this.#holds(name, Body);
      }
    });
  }

  async #holds(name: string, bytes: Uint8Array): Promise<boolean> {
    return ((await readText(this, name)) ?? '') === Buffer.from(bytes).toString('utf8');
  }

  async remove(names: readonly string[]): Promise<void> {
    for (let i = 0; i < names.length; i += MAX_DELETED) {
      const Objects = names.slice(i, i + MAX_DELETED).map((name) => ({ Key: this.#prefix + name }));
      const { Errors: [failure] = [] } = await this.#attempt('remove', names[i] as string, () =>
        this.#client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } })),
      );
      if (failure === undefined) continue;
      const error = Object.assign(new Error(failure.Message), { name: failure.Code });
      throw this.#asLocationError(error, 'remove', failure.Key?.slice(this.#prefix.length) ?? '');
    }
  }

  async #attempt<T>(action: string, name: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw this.#asLocationError(error, action, name);
    }
  }

  #asLocationError(error: unknown, action: string, name: string): StorageError {
    if (error instanceof StorageError) return error;
    const { name: kind, message } = error as Error;
    const reason =
      message === 'Region is missing'
        ? 'Its region is not known: set backup.region, or AWS_REGION.'
        : adviceOn(kind, message);
    const { failure: Failure = BackupError, key } = this.#settings;
    const object = `s3://${this.#bucket}/${this.#prefix}${name}${keyText(key)}`;
    return new Failure(`Cannot ${action} ${object}. ${reason}`, { cause: error });
  }
}

export function openS3Location(path: string, settings: LocationSettings): Location {
  const { region, endpoint } = settings;
  const client = new S3Client({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  });
  return new S3Location(path, client, settings);
}
