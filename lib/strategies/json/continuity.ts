import { StorageUnavailableError } from '../../repository/errors.ts';
import type { FileManager } from './file-manager.ts';
import type { JournalPosition } from './journal-format.ts';
import type { Layout } from './layout.ts';
import type { LoadedFiles } from './load-files.ts';

/** For how long a look at the files holds. A system call for each of them would cost half of a read. */
const TRUSTED_MS = 1;

/** What a process has served: whoever read it must not be told later that it never was. Undefined before the first load. */
type Served = Pick<LoadedFiles, 'identities' | 'store'> | undefined;

/**
 * Number of the next commit where the journal is continued by another. An announcement at its end does not count: the
 * journal that it announces leaves it out.
 */
export const nextCommit = ({ next }: JournalPosition, announced: readonly { readonly n: number }[]): number =>
  announced.at(-1)?.n === next - 1 ? next - 1 : next;

/** Notices that files of a store in use are gone, or that those of another store or of an earlier day stand in their place. */
export class Continuity {
  readonly #files: FileManager;
  readonly #layout: Layout;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(files: FileManager, layout: Layout) {
    this.#files = files;
    this.#layout = layout;
  }

  /**
   * Looks at the files by their names, where that costs little: on S3 each would be a call.
   * @throws StorageUnavailableError where one is gone
   */
  async requireFilesCheaply(served: Served, place: JournalPosition): Promise<void> {
    if (!this.#files.exclusive || performance.now() - this.#lookedAt <= TRUSTED_MS) return;
    await this.requireFiles(served, place);
    this.#lookedAt = performance.now();
  }

  /** @throws StorageUnavailableError where a file is gone. Files that were never written are not missed. */
  async requireFiles(served: Served, { id }: JournalPosition): Promise<void> {
    if (served === undefined) return;
    const names = Object.keys(served.identities).filter((name) => served.identities[name] !== null);
    if (id !== '') names.push(this.#layout.journal);
    const missing = await this.#files.missing(names);
    if (missing.length === 0) return;
    const gone = missing.map((name) => this.#files.describe(name)).join(', ');
    throw vanished(`${gone} is gone: it was removed or moved away, or its folder was, while the store was open.`);
  }

  /** @throws StorageUnavailableError where what was read now does not continue what was served before */
  requireSame(loaded: LoadedFiles, served: Served, { id, next }: JournalPosition): void {
    if (served === undefined) return;
    const journal = this.#files.describe(this.#layout.journal);
    if (id !== '' && loaded.headerEnd === 0) throw vanished(`${journal} is gone.`);
    if (served.store !== undefined && loaded.store !== undefined && served.store !== loaded.store) {
      throw vanished(`${journal} was replaced by that of another store while the store was open.`);
    }
    if (loaded.next < next) {
      throw vanished(`${journal} was replaced by an earlier copy, or cut off, while the store was open.`);
    }
  }
}

const vanished = (what: string): StorageUnavailableError =>
  new StorageUnavailableError(
    `${what} Nothing is read or stored until the files are back as they were; to use what is there now, start the ` +
      'service anew.',
  );
