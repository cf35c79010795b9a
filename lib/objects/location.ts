/** Named objects in a folder of a disk, or below a prefix of an S3 bucket: backups, and the state of long work. */
import type { BackupError, MigrationError } from '../repository/errors.ts';

/** An object that is stored under a name. */
export interface StoredObject {
  /** Relative to the location, with `/` between folders. */
  readonly name: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** Every method throws an error of the class in `LocationSettings.failure`, which says what to do. */
export interface Location {
  /** As the operator wrote it, such as `backups/` or `s3://bucket/prefix`. */
  readonly text: string;
  /** The objects directly in a folder. */
  list(folder: string): Promise<StoredObject[]>;
  /** The objects directly in each folder of the location whose name is wanted. */
  listFolders(isWanted: (folder: string) => boolean): Promise<StoredObject[]>;
  /** The objects in a folder and in all folders below it. */
  listDeep(folder: string): Promise<StoredObject[]>;
  /** The names of the folders directly in a folder. */
  folders(folder: string): Promise<string[]>;
  /** The bytes, chunk by chunk; undefined if there is no such object. */
  read(name: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Stores an object, whole and durable or not at all. Replaces one of the same name atomically. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Stores an object unless one of this name exists. Of several callers exactly one creates it.
   * @returns whether this call created it
   */
  create(name: string, bytes: Uint8Array): Promise<boolean>;
  /** Removes objects. It is not an error if one does not exist. */
  remove(names: readonly string[]): Promise<void>;
}

export interface LocationSettings {
  readonly region?: string | undefined;
  /** URL of an S3-compatible server; AWS if left out. */
  readonly endpoint?: string | undefined;
  /** Class of the errors; `BackupError` if left out. */
  readonly failure?: LocationFailure | undefined;
  /** Key of the configuration that names the location, for messages. */
  readonly key?: string | undefined;
}

export type LocationFailure = typeof BackupError | typeof MigrationError;

/** What a message says of the key that names a location. */
export const keyText = (key: string | undefined): string => (key === undefined ? '' : ` (${key})`);

/** Reads a small object; undefined if there is none. */
export async function readWhole(location: Location, name: string): Promise<Buffer | undefined> {
  const parts = await location.read(name);
  if (parts === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const part of parts) chunks.push(part);
  return Buffer.concat(chunks);
}

/** Reads a small object as text; undefined if there is none. */
export const readText = async (location: Location, name: string): Promise<string | undefined> =>
  (await readWhole(location, name))?.toString('utf8');
