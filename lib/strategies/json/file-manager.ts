/** Where the files of the JSON store live. Implementations: local disk, S3. */
import type { FileIdentity } from './journal-format.ts';

/** Another process has changed the journal. Catch up and try again. */
export class JournalChanged extends Error {}

/** Which object a name referred to when it was read: an ETag; null for none, or if writers are kept out anyway. */
export type Revision = string | null;

export interface StoredFile {
  readonly bytes: Buffer;
  readonly revision: Revision;
}

/** New content of a data file, durable but not published yet. */
export interface StagedFile {
  readonly identity: FileIdentity;
  /**
   * Replaces the file by the content, entirely or not at all.
   * @param over the revision it replaces
   * @throws JournalChanged if another process has replaced that revision
   */
  publish(over: Revision): Promise<void>;
  discard(): Promise<void>;
}

export interface FileManager {
  /** The full name of the file, for messages. */
  describe(name: string): string;
  /** Whether the lock manager keeps out the writers of other processes; if not, conditional writes detect them. */
  readonly exclusive: boolean;
  /** Ensures that the folder or bucket exists, creating a missing folder. Writes nothing else. */
  prepare(): Promise<void>;
  /**
   * Checks that the folder or bucket exists and has room for more. Writes nothing.
   * @throws StorageUnavailableError
   */
  requireUsable(): Promise<void>;
  /** The names that no file has. */
  missing(names: readonly string[]): Promise<string[]>;
  /** The whole file, or undefined if there is none. */
  read(name: string): Promise<StoredFile | undefined>;
  stage(name: string, content: AsyncIterable<Uint8Array>): Promise<StagedFile>;
  /** Copies `from` to `to`. A file that is never changed in place may share its bytes with the copy. */
  keepCopy(from: string, to: string, options: { readonly ownBytes: boolean }): Promise<void>;
  journal(name: string): JournalFile;
  /** Names of the files that begin with `prefix`. */
  list(prefix: string): Promise<string[]>;
}

/** The journal's bytes. Positions count from the start of the current file. */
export interface JournalFile {
  /**
   * What happened to the file since `readAll`, `append` or `replace`, seen from byte `position`. 'replaced' if it is
   * another file, is gone or is shorter.
   */
  poll(position: number): 'unchanged' | 'grown' | 'replaced' | Promise<'unchanged' | 'grown' | 'replaced'>;
  /** The current file, or undefined if there is none; later calls of `poll` compare with it. */
  readAll(): Promise<Buffer | undefined>;
  /** The bytes from a position to the end of the file that `readAll` read, even if another has replaced it. */
  readFrom(position: number): Buffer;
  /**
   * Writes at `position`, which must be the end, and waits for the disk if `durable`.
   * @throws JournalChanged if it is not the end any more (only if writers are not kept out)
   * @throws StorageUnavailableError if the file was removed or replaced
   */
  append(bytes: Buffer, position: number, durable: boolean): Promise<void>;
  /** Cuts off what follows `position`. */
  truncate(position: number): Promise<void>;
  /**
   * Replaces this journal, which ends at `position`, by a new one, after copying it to `backup`. Durable.
   * @throws JournalChanged if it does not end there any more (only if writers are not kept out)
   */
  replace(bytes: Buffer, position: number, backup: string | undefined): Promise<void>;
  /** Makes everything appended durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
