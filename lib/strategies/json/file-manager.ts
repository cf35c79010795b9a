/** Where the files of the JSON store live. Implementations: local disk, S3. */
import type { FileIdentity } from './journal-format.ts';

/** The journal is not what it was: another process has written since. Catch up and try again. */
export class JournalMoved extends Error {}

/** Which object a name stood for when it was read: an ETag; null for none, or where writers are kept out anyway. */
export type Revision = string | null;

export interface StoredFile {
  readonly bytes: Buffer;
  readonly revision: Revision;
}

/** New content of a data file, durable but not in its place yet. */
export interface StagedFile {
  readonly identity: FileIdentity;
  /**
   * Puts the content in the file's place, whole or not at all.
   * @param over the revision it replaces
   * @throws JournalMoved where another process has replaced that revision
   */
  publish(over: Revision): Promise<void>;
  discard(): Promise<void>;
}

export interface FileManager {
  /** The file as a person would name it, for messages. */
  describe(name: string): string;
  /** Whether writers of other processes are kept out by the lock manager; if not, they are found out by conditional writes. */
  readonly exclusive: boolean;
  /** Proves that the place exists, making it where it can be made. Writes nothing else. */
  prepare(): Promise<void>;
  /**
   * Proves that the place is there and takes more bytes. Writes nothing.
   * @throws StorageUnavailableError
   */
  requireUsable(): Promise<void>;
  /** Those of the names that no file has. */
  missing(names: readonly string[]): Promise<string[]>;
  /** The whole file, or undefined where there is none. */
  read(name: string): Promise<StoredFile | undefined>;
  stage(name: string, content: AsyncIterable<Uint8Array>): Promise<StagedFile>;
  /** Makes `to` hold what `from` holds. `from` stays. A file that is never changed in place may share its bytes. */
  keepCopy(from: string, to: string, options: { readonly ownBytes: boolean }): Promise<void>;
  journal(name: string): JournalFile;
  /** Files whose name begins so. */
  list(prefix: string): Promise<string[]>;
}

/** The journal's bytes. Positions count from the start of the file as it is now. */
export interface JournalFile {
  /**
   * What happened to the file since `readAll`, `append` or `replace`, seen from byte `position`. 'replaced' where it is
   * another file, is gone or is shorter.
   */
  poll(position: number): 'unchanged' | 'grown' | 'replaced' | Promise<'unchanged' | 'grown' | 'replaced'>;
  /** The file as it is now, or undefined where there is none; `poll` compares with this one from here on. */
  readAll(): Promise<Buffer | undefined>;
  /** The bytes from a position to the end of the file that `readAll` met, even if another has taken its place. */
  readFrom(position: number): Buffer;
  /**
   * Writes at `position`, which must be the end, and makes it durable where `durable`.
   * @throws JournalMoved where it is not the end any more (only where writers are not kept out)
   * @throws StorageUnavailableError where the file is not in its place any more
   */
  append(bytes: Buffer, position: number, durable: boolean): Promise<void>;
  /** Cuts off what follows `position`. */
  truncate(position: number): Promise<void>;
  /**
   * Puts a new journal in the place of this one, which ends at `position`, after keeping this one as `backup`. Durable.
   * @throws JournalMoved where it does not end there any more (only where writers are not kept out)
   */
  replace(bytes: Buffer, position: number, backup: string | undefined): Promise<void>;
  /** Makes everything appended durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
