import type { CollectionName } from '../../model/collections.ts';
import { SerialQueue } from '../../repository/serial-queue.ts';
import { beginJournal } from './begin-journal.ts';
import { Continuity, continuationOf, nextCommit } from './continuity.ts';
import { type FileManager, JournalChanged, type JournalFile } from './file-manager.ts';
import {
  type Announcement,
  decodeHeader,
  decodeRecords,
  encodeCompaction,
  encodeHeader,
  encodeRecord,
  type FileIdentities,
  type JournalHeader,
  type JournalPosition,
  type JournalRecord,
} from './journal-format.ts';
import { setPartAside } from './kept-copies.ts';
import { backupOf, type Layout, type Tables } from './layout.ts';
import { applyRecord, damagedJournal, type LoadedFiles, loadFiles } from './load-files.ts';
import { editedAtRest, tornTail } from './warnings.ts';

type Content = Pick<LoadedFiles, 'tables' | 'foreign' | 'identities' | 'header' | 'store'>;

/**
 * The data files and the journal of one store, and their content in memory. Follows what other processes write
 * (`catchUp`) and appends commits (`append`).
 *
 * The files at any time: the data files S(n), the journal J(n) on top of them, and, kept as backups, S(n-1) and J(n-1),
 * which together yield S(n). So any one of them can be damaged without a loss.
 */
export class JsonDatabase {
  readonly files: FileManager;
  readonly layout: Layout;
  readonly #cacheSize: number;
  readonly #journal: JournalFile;
  readonly #continuity: Continuity;
  #content: Content | undefined;
  #position: JournalPosition = { id: '', position: 0, next: 1 };
  /** Bytes of the journal's header. */
  #headerEnd = 0;
  /** Collections changed since their data file was written. */
  #changed = new Set<CollectionName>();
  #announced: Announcement[] = [];
  /** Distinguishes this process's commits from identical ones of other processes. */
  readonly #writer = crypto.randomUUID().slice(0, 8);
  /** Whether the tables cannot be brought up to date step by step. They stay, for callers that caught up before. */
  #mustReload = true;
  readonly #tasks = new SerialQueue();
  #nextCatchUp: Promise<void> | undefined;
  readonly #warn: (message: string) => void;

  constructor(files: FileManager, layout: Layout, settings: { cacheSize: number; warn?: (message: string) => void }) {
    this.files = files;
    this.layout = layout;
    this.#cacheSize = settings.cacheSize;
    this.#warn = settings.warn ?? (() => {});
    this.#journal = files.journal(layout.journal);
    this.#continuity = new Continuity(files, layout);
  }

  /** The content of the files when they were last read or replaced; undefined before the first `catchUp`. */
  get content(): Content | undefined {
    return this.#content;
  }

  /** The tables as of the last `catchUp` or `append`. */
  get tables(): Tables {
    return (this.#content as Content).tables;
  }

  /** Where a commit decided on the current tables must be appended. */
  get position(): JournalPosition {
    return this.#position;
  }

  /** Announcements in the journal, the oldest first. */
  get announced(): readonly Announcement[] {
    return this.#announced;
  }

  /** Bytes of commits that are not in the data files yet. */
  get uncompactedBytes(): number {
    return this.#position.position - this.#headerEnd;
  }

  /** Bytes of the data files. */
  get compactedBytes(): number {
    return Object.values(this.#content?.identities ?? {}).reduce((sum, file) => sum + (file?.bytes ?? 0), 0);
  }

  /** Fails before a lock or a new file is made if the store is gone. @throws StorageUnavailableError */
  requireFiles(): Promise<void> {
    return this.#continuity.requireFilesCheaply(this.#content, this.#position);
  }

  /** Like `catchUp`, after checking every file and its disk. */
  async health(): Promise<void> {
    await this.files.requireUsable();
    await this.#continuity.requireFiles(this.#content, this.#position);
    await this.catchUp();
  }

  /**
   * Makes the tables hold everything committed before the call, by any process.
   * @throws StorageDamagedError, StorageUnavailableError
   */
  catchUp(): Promise<void> {
    // A check that has not begun yet serves every caller until it begins.
    this.#nextCatchUp ??= this.#oneAtATime(() => {
      this.#nextCatchUp = undefined;
      return this.#refresh();
    });
    return this.#nextCatchUp;
  }

  /**
   * Appends one commit and applies it to the tables.
   * @param operations JSON texts of the operations
   * @param apply changes the tables as the operations say; called once the commit is in the journal
   * @throws JournalChanged if the tables have changed since `at`: decide again
   */
  async append(at: JournalPosition, operations: readonly string[], apply: () => void, durable: boolean): Promise<void> {
    // Readers of this process wait meanwhile, too: readers of other processes see the bytes at once, and no later reader
    // may miss what an earlier one has seen.
    await this.#oneAtATime(async () => {
      this.#requirePosition(at);
      await this.#ensureJournal();
      await this.#appendBytes(encodeRecord(this.#position.next, this.#writer, operations), durable, apply);
    });
  }

  /** Appends the contents that a compaction is about to publish. @throws JournalChanged if the tables have changed since `at` */
  async announce(files: FileIdentities, at: JournalPosition): Promise<void> {
    const announcement = { n: at.next, files };
    const bytes = encodeCompaction(at.next, this.#writer, files);
    await this.#oneAtATime(async () => {
      this.#requirePosition(at);
      await this.#appendBytes(bytes, true, () => this.#announced.push(announcement));
    });
  }

  /** Records that a commit changed an entity of the collection. */
  markChanged(collection: CollectionName): void {
    this.#changed.add(collection);
  }

  /** The collections changed since their data file was written, which no longer count as changed: a compaction writes them. */
  takeChanged(): ReadonlySet<CollectionName> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /** Makes durable the commits that were appended without waiting for the disk. */
  async sync(): Promise<void> {
    await this.#journal.sync();
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }

  /**
   * Replaces the journal by one that continues it with the commits between two of its positions.
   * @param seen the end of the journal at which `until` was decided
   * @throws JournalChanged if the journal does not end at `seen` any more
   */
  async replaceJournal(
    header: JournalHeader,
    from: JournalPosition,
    until: JournalPosition,
    seen: JournalPosition,
  ): Promise<void> {
    await this.#oneAtATime(async () => {
      this.#requirePosition(seen);
      const rest = this.#journal.readFrom(from.position).subarray(0, until.position - from.position);
      const head = encodeHeader(header);
      await this.#journal.replace(Buffer.concat([head, rest]), seen.position, backupOf(this.layout.journal));
      this.#beginAt(header, head.length);
      // The tables hold these commits already; reading them again shows which collections they changed.
      this.#applyBytes(rest);
    });
  }

  /** The header of the next journal of this store. Numbering continues even if it follows none, so that none is used twice. */
  newHeader(next: number, base: FileIdentities): JournalHeader {
    const store = this.#content?.store ?? crypto.randomUUID();
    return { journal: 1, id: crypto.randomUUID(), store, base, next };
  }

  /** @throws JournalChanged if the tables have changed since then */
  #requirePosition({ id, position }: JournalPosition): void {
    if (this.#position.id !== id || this.#position.position !== position) throw new JournalChanged();
  }

  /** Moves to the beginning of a journal that continues the current one. */
  #beginAt(header: JournalHeader, headerEnd: number): void {
    this.#content = { ...(this.#content as Content), header, identities: header.base, store: header.store };
    this.#headerEnd = headerEnd;
    this.#announced = [];
    this.#changed = new Set();
    this.#position = { id: header.id, position: headerEnd, next: header.next };
  }

  /** Runs tasks that must not interleave one after another. */
  #oneAtATime<T>(task: () => Promise<T>): Promise<T> {
    return this.#tasks.run(task);
  }

  async #refresh(): Promise<void> {
    await this.requireFiles();
    if (this.#mustReload) return this.#load();
    const change = await this.#journal.poll(this.#position.position);
    if (change === 'unchanged') return;
    if (change === 'replaced') return this.#follow();
    this.#applyBytes(this.#journal.readFrom(this.#position.position));
  }

  /** Applies the records that other processes have appended. */
  #applyBytes(bytes: Buffer): void {
    const { records, end, rest } = decodeRecords(bytes, this.#position.next);
    if (rest === 'damaged') throw damagedJournal(this.files, this.layout, this.#position.position + end);
    for (const record of records) this.#apply(record);
    const { id, position, next } = this.#position;
    this.#position = { id, position: position + end, next: next + records.length };
  }

  #apply(record: JournalRecord): void {
    applyRecord(this.tables, record);
    for (const [, collection] of record.ops) this.#changed.add(collection);
    if (record.compaction !== undefined) this.#announced.push({ n: record.n, files: record.compaction });
  }

  /** Another journal has replaced ours: switches to it if it continues ours, else loads everything. */
  async #follow(): Promise<void> {
    const continuation = continuationOf(this.#position, this.#announced, await this.#journal.readAll());
    if (continuation === undefined) return this.#load();
    // The tables hold at least what the new data files do. Applying records again changes nothing in the end.
    this.#beginAt(continuation.header, continuation.headerEnd);
    this.#applyBytes(continuation.rest);
  }

  /** Reads everything from the files. */
  async #load(): Promise<void> {
    this.#mustReload = true;
    const loaded = await loadFiles(this.files, this.layout, this.#journal, this.#cacheSize);
    this.#continuity.requireSame(loaded, this.#content, {
      ...this.#position,
      next: nextCommit(this.#position, this.#announced),
    });
    const { headerEnd, records, end, edited, next, ...content } = loaded;
    for (const name of edited) this.#warn(editedAtRest(this.files.describe(name)));
    this.#mustReload = false;
    this.#content = content;
    this.#headerEnd = headerEnd;
    this.#announced = [];
    this.#changed = new Set();
    for (const record of records) this.#apply(record);
    this.#position = { id: content.header?.id ?? '', position: end, next };
  }

  /** Begins a journal if there is none yet, and cuts off a half-written record. */
  async #ensureJournal(): Promise<void> {
    if (this.#position.id === '') {
      const { position, next } = this.#position;
      const header = this.newHeader(next, (this.#content as Content).identities);
      this.#beginAt(header, await beginJournal(this.files, this.layout, this.#journal, header, position));
      return;
    }
    if (!this.files.exclusive) return;
    if ((await this.#journal.poll(this.#position.position)) === 'grown') await this.#cutOffTornTail();
  }

  /** Only a writer that died can have left the bytes: they were never acknowledged. They are set aside all the same. */
  async #cutOffTornTail(): Promise<void> {
    const torn = this.#journal.readFrom(this.#position.position);
    // If the header itself has been overwritten, this is another journal.
    if (decodeHeader(this.#journal.readFrom(0))?.header.id !== this.#position.id) {
      await this.#load();
      throw new JournalChanged();
    }
    const copy = await setPartAside(this.files, this.layout.journal, 'torn', torn);
    await this.#journal.truncate(this.#position.position);
    this.#warn(tornTail(this.files.describe(this.layout.journal), torn.length, this.files.describe(copy)));
  }

  /** @param apply runs in the same turn as the position advances: whoever sees one sees the other */
  async #appendBytes(bytes: Buffer, durable: boolean, apply: () => void): Promise<void> {
    const { id, position, next } = this.#position;
    await this.#journal.append(bytes, position, durable);
    this.#position = { id, position: position + bytes.length, next: next + 1 };
    apply();
  }
}
