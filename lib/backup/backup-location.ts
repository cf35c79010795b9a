/** Where backups, and reports of migrations, are kept: a folder or a prefix of an S3 bucket. */

/** What is stored under a name. */
export interface StoredObject {
  /** Relative to the location, with `/` between folders. */
  readonly name: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** All methods throw `BackupError`, which says what to do. */
export interface BackupLocation {
  /** As the operator wrote it, such as `backups/` or `s3://bucket/prefix`. */
  readonly text: string;
  /** The files of one backup, or of all folders that may be backups. They lie right in their folder, no deeper. */
  list(backup?: string): Promise<StoredObject[]>;
  /** All objects in a folder and in the folders below it. */
  listDeep(folder: string): Promise<StoredObject[]>;
  /** Names of the folders right in a folder. */
  folders(folder: string): Promise<string[]>;
  /** The bytes, part by part; undefined where there is nothing of this name. */
  read(name: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Stores the bytes whole and durably, or not at all. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Removes objects; it is no error where one is gone already. */
  remove(names: readonly string[]): Promise<void>;
}

/** What an S3 location needs besides its path. */
export interface LocationSettings {
  readonly region?: string | undefined;
  /** URL of an S3-compatible server; AWS where left out. */
  readonly endpoint?: string | undefined;
}

/** Reads a small object as text; undefined where there is none. */
export async function readText(location: BackupLocation, name: string): Promise<string | undefined> {
  const parts = await location.read(name);
  if (parts === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const part of parts) chunks.push(part);
  return Buffer.concat(chunks).toString('utf8');
}
