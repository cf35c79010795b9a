import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { BackupError } from '../repository/errors.ts';
import { BACKUP_ID } from './backup-id.ts';
import type { BackupLocation, LocationSettings, StoredObject } from './backup-location.ts';

const MAX_ATTEMPTS = 5;
const CONNECTION_TIMEOUT_MS = 5_000;
/** Of one attempt: a part of a backup is a few megabytes. */
const REQUEST_TIMEOUT_MS = 60_000;
/** S3: 1,000 keys in one DeleteObjects. */
const MAX_DELETED = 1000;

const advice: Readonly<Record<string, string>> = {
  NoSuchBucket: 'There is no such bucket: create it, or correct the location.',
  AccessDenied: 'Access is denied: give this role s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there.',
  CredentialsProviderError: 'There are no AWS credentials: set a profile, a role or AWS_ACCESS_KEY_ID.',
  PermanentRedirect: 'The bucket is in another region: set backup.region.',
  ExpiredToken: 'The AWS credentials have expired: renew them.',
};

const adviceOn = (kind: string, message: string): string => advice[kind] ?? `${kind}: ${message}.`;

/** Other objects may have the same prefix. */
function isInBackup(name: string): boolean {
  const [folder = '', file = '', ...deeper] = name.split('/');
  return BACKUP_ID.test(folder) && file !== '' && deeper.length === 0;
}

class S3Location implements BackupLocation {
  readonly text: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor(text: string, client: S3Client) {
    this.text = text;
    this.#client = client;
    const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(text) ?? [];
    this.#bucket = bucket;
    this.#prefix = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  }

  async list(backup?: string): Promise<StoredObject[]> {
    const objects = await this.listDeep(backup);
    return objects.filter(({ name }) => isInBackup(name));
  }

  async listDeep(folder?: string): Promise<StoredObject[]> {
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
    folder: string | undefined,
    options: { readonly Delimiter?: string } = {},
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    const Prefix = this.#prefix + (folder === undefined ? '' : `${folder}/`);
    let ContinuationToken: string | undefined;
    do {
      const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix, ContinuationToken, ...options });
      const page = await this.#attempt('list', folder ?? '', () => this.#client.send(command));
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
      throw this.#asBackupError(error, 'read', name);
    }
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#attempt('write', name, () =>
      this.#client.send(new PutObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + name, Body: bytes })),
    );
  }

  async remove(names: readonly string[]): Promise<void> {
    for (let i = 0; i < names.length; i += MAX_DELETED) {
      const Objects = names.slice(i, i + MAX_DELETED).map((name) => ({ Key: this.#prefix + name }));
      const { Errors: [failure] = [] } = await this.#attempt('remove', names[i] as string, () =>
        this.#client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } })),
      );
      if (failure === undefined) continue;
      const error = Object.assign(new Error(failure.Message), { name: failure.Code });
      throw this.#asBackupError(error, 'remove', failure.Key?.slice(this.#prefix.length) ?? '');
    }
  }

  async #attempt<T>(action: string, name: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw this.#asBackupError(error, action, name);
    }
  }

  #asBackupError(error: unknown, action: string, name: string): BackupError {
    const { name: kind, message } = error as Error;
    const reason =
      message === 'Region is missing'
        ? 'Its region is not known: set backup.region, or AWS_REGION.'
        : adviceOn(kind, message);
    return new BackupError(`Cannot ${action} s3://${this.#bucket}/${this.#prefix}${name}. ${reason}`, { cause: error });
  }
}

export function openS3Location(path: string, { region, endpoint }: LocationSettings): BackupLocation {
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
  return new S3Location(path, client);
}
