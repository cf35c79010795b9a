import type { CollectionName } from '../../model/collections.ts';
import { beginJournal } from './begin-journal.ts';
import { Continuity, nextCommit } from './continuity.ts';
import { type FileManager, type JournalFile, JournalMoved, type Revision, type StagedFile } from './file-manager.ts';
import {
  decodeHeader,
  decodeRecords,
  encodeCompaction,
  encodeHeader,
  encodeRecord,
  type FileIdentities,
  type FileIdentity,
  identify,
  isBase,
  type JournalHeader,
  type JournalPosition,
  type JournalRecord,
  sameIdentity,
} from './journal-format.ts';
import { keepAside, keepBackup, keepPartAside } from './kept-copies.ts';
import { backupOf, type DataFile, fileText, type Layout, type Tables } from './layout.ts';
import { applyRecord, damagedJournal, type LoadedFiles, loadFiles } from './load-files.ts';
import type { Serializer } from './serializer.ts';
import { editedAtRest, editedInUse, tornTail } from './warnings.ts';

type Loaded = Pick<LoadedFiles, 'tables' | 'foreign' | 'identities' | 'header' | 'store'>;

interface CurrentContent {
  readonly identity: FileIdentity | null;
  readonly revision: Revision;
  readonly edited: boolean;
}

/**
 * The data files and the journal of one store, and what they hold, in memory. Follows what other processes write
 * (`catchUp`), appends commits (`append`) and compacts the journal into the data files (`compact`).
 *
 * The files at any time: the data files S(n), the journal J(n) on top of them, and, kept as backups, S(n-1) and J(n-1),
 * which together make S(n). So any one of them can be damaged without a loss.
 */
export class JsonDatabase {
  readonly files: FileManager;
  readonly layout: Layout;
  readonly #serializer: Serializer;
  readonly #cacheSize: number;
  readonly #journal: JournalFile;
  readonly #continuity: Continuity;
  #loaded: Loaded | undefined;
  #place: JournalPosition = { id: '', position: 0, next: 1 };
  /** Bytes of the journal's header. */
  #headerEnd = 0;
  /** Collections changed since their data file was written. */
  #changed = new Set<CollectionName>();
  /** Data file contents that the journal announces, by the number of the record. */
  #announced: { readonly n: number; readonly files: FileIdentities }[] = [];
  /** Tells this process's commits from those of others that say the same. */
  readonly #writer = crypto.randomUUID().slice(0, 8);
  /** Whether the tables cannot be brought up to date step by step. They stay, for those who have caught up before. */
  #mustLoad = true;
  #tail: Promise<unknown> = Promise.resolve();
  #nextCatchUp: Promise<void> | undefined;
  readonly #warn: (message: string) => void;

  constructor(
    files: FileManager,
    layout: Layout,
    settings: { serializer: Serializer; cacheSize: number; warn?: (message: string) => void },
  ) {
    this.files = files;
    this.layout = layout;
    this.#serializer = settings.serializer;
    this.#cacheSize = settings.cacheSize;
    this.#warn = settings.warn ?? (() => {});
    this.#journal = files.journal(layout.journal);
    this.#continuity = new Continuity(files, layout);
  }

  /** The tables as of the last `catchUp` or `append`. */
  get tables(): Tables {
    return (this.#loaded as Loaded).tables;
  }

  /** Where a commit has to go that was decided on the tables as they are now. */
  get place(): JournalPosition {
    return this.#place;
  }

  /** Bytes of commits that are not in the data files yet. */
  get uncompactedBytes(): number {
    return this.#place.position - this.#headerEnd;
  }

  /** Bytes of the data files. */
  get compactedBytes(): number {
    return Object.values(this.#loaded?.identities ?? {}).reduce((sum, file) => sum + (file?.bytes ?? 0), 0);
  }

  /** Fails before a lock or a new file is made where the store is gone. @throws StorageUnavailableError */
  requireFiles(): Promise<void> {
    return this.#continuity.requireFilesCheaply(this.#loaded, this.#place);
  }

  /** As `catchUp`, after a look at every file and its disk. */
  async health(): Promise<void> {
    await this.files.requireUsable();
    await this.#continuity.requireFiles(this.#loaded, this.#place);
    await this.catchUp();
  }

  /**
   * Makes the tables hold everything committed before the call, by any process.
   * @throws StorageDamagedError, StorageUnavailableError
   */
  catchUp(): Promise<void> {
    // A check that has not begun serves everybody who asks until it begins.
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
   * @throws JournalMoved where the tables have moved on since `at`: decide again
   */
  async append(at: JournalPosition, operations: readonly string[], apply: () => void, durable: boolean): Promise<void> {
    // Readers of this process wait meanwhile, too: those of other processes see the bytes at once, and what one reader
    // has seen no later one may miss.
    await this.#oneAtATime(async () => {
      this.#requirePosition(at);
      await this.#ensureJournal();
      await this.#appendBytes(encodeRecord(this.#place.next, this.#writer, operations), durable, apply);
    });
  }

  /** Notes that an entity of the collection was changed by a commit. */
  markChanged(collection: CollectionName): void {
    this.#changed.add(collection);
  }

  /** Makes appended commits durable that were not when they were appended. */
  async sync(): Promise<void> {
    await this.#journal.sync();
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }

  /**
   * Writes the tables into the data files and begins a new journal. The long part, writing the files, runs beside
   * commits; only the change-over is done under `exclusively`.
   * @param exclusively runs a function with the writers of other processes kept out
   */
  async compact(exclusively: <T>(work: () => Promise<T>) => Promise<T>): Promise<void> {
    const loaded = this.#loaded;
    if (loaded === undefined || this.uncompactedBytes === 0) return;
    await this.requireFiles();
    const from = this.#place;
    const changed = this.#changed;
    this.#changed = new Set();
    const staged = new Map<DataFile, StagedFile>();
    let done = false;
    try {
      // All texts are captured at the same moment, that of `from`, before the first is written.
      const texts = this.layout.files
        .filter((file) => file.collections.some((name) => changed.has(name)) || !loaded.identities[file.name])
        .map((file) => [file, fileText(this.layout, file, loaded.tables, loaded.foreign)] as const);
      for (const [file, text] of texts) {
        staged.set(file, await this.files.stage(file.name, this.#serializer.encode(text)));
      }
      done = await exclusively(() => this.#changeOver(from, staged));
    } finally {
      if (!done) {
        this.#changed = this.#changed.union(changed);
        for (const file of staged.values()) await file.discard();
      }
    }
  }

  /** @returns whether the staged files were put in place */
  async #changeOver(from: JournalPosition, staged: ReadonlyMap<DataFile, StagedFile>): Promise<boolean> {
    await this.catchUp();
    // Another process has compacted meanwhile; what it wrote is newer.
    if (this.#loaded?.header?.id !== from.id) return false;
    let until = this.#place;
    const written = Object.fromEntries([...staged].map(([file, { identity }]) => [file.name, identity]));
    const announcement = { n: until.next, files: written };
    const bytes = encodeCompaction(until.next, this.#writer, written);
    await this.#oneAtATime(async () => {
      this.#requirePosition(until);
      await this.#appendBytes(bytes, true, () => this.#announced.push(announcement));
    });
    let seen = this.#place;
    const base: Record<string, FileIdentity | null> = {};
    const also: Record<string, FileIdentity[]> = {};
    for (const file of this.layout.files) {
      const { identity, revision, edited } = await this.#currentContent(file, from);
      const stagedFile = staged.get(file);
      if (edited) {
        const aside = await keepAside(this.files, file.name, 'edited');
        this.#warn(editedInUse(this.files.describe(file.name), this.files.describe(aside)));
        // What the tables hold of an edited file is on the disk no more: it must be written, too.
        if (stagedFile === undefined) {
          for (const name of file.collections) this.#changed.add(name);
          return false;
        }
      } else if (identity !== null) {
        await keepBackup(this.files, file.name, identity, stagedFile !== undefined);
      }
      await stagedFile?.publish(revision);
      base[file.name] = stagedFile?.identity ?? identity;
      const replaced = stagedFile !== undefined && !sameIdentity(stagedFile.identity, identity);
      if (!replaced && !this.files.exclusive) also[file.name] = this.#mayAppear(file.name);
    }
    for (;;) {
      const follows = { id: from.id, from: from.position };
      const header: JournalHeader = { ...this.#newHeader(from.next, base), also, follows };
      try {
        await this.#oneAtATime(() => this.#replaceJournal(header, from, until, seen));
        return true;
      } catch (error) {
        if (!(error instanceof JournalMoved)) throw error;
        // Only without exclusion: others have committed after our announcement, which thus stays in the middle.
        await this.catchUp();
        if (this.#loaded?.header?.id !== from.id) return true;
        until = this.#place;
        seen = this.#place;
      }
    }
  }

  /** Contents that slower processes may still put in the place of a file that is not replaced now. */
  #mayAppear(name: string): FileIdentity[] {
    const earlier = this.#loaded?.header?.also?.[name] ?? [];
    const announced = this.#announced.map(({ files }) => files[name] ?? null).filter((identity) => identity !== null);
    return [...earlier, ...announced];
  }

  /**
   * What a data file holds now, before it is replaced by one made at `from`: known content, or an edit of somebody else.
   * @throws JournalMoved where another process is compacting what was committed after `from`: its file must stay
   */
  async #currentContent({ name }: DataFile, from: JournalPosition): Promise<CurrentContent> {
    for (let attempt = 1; ; attempt++) {
      const stored = await this.files.read(name);
      // Another process has put a newer file in place and begun another journal, on which ours may not be put.
      if (this.#loaded?.header === undefined || this.#loaded.header.id !== from.id) throw new JournalMoved();
      const identity = stored === undefined ? null : identify(stored.bytes);
      const content = { identity, revision: stored?.revision ?? null, edited: false };
      if (sameIdentity(identity, this.#loaded.identities[name]) || isBase(this.#loaded.header, name, identity)) {
        return content;
      }
      const announcement = this.#announced.findLast(({ files }) => sameIdentity(identity, files[name]));
      if (announcement !== undefined) {
        if (!this.files.exclusive && announcement.n >= from.next) throw new JournalMoved();
        return content;
      }
      if (this.files.exclusive || attempt > 1) return { ...content, edited: true };
      // Perhaps it was put in place a moment ago by a compaction that is announced in the journal.
      await this.catchUp();
    }
  }

  /** @param seen the end of the journal that `until` was decided on */
  async #replaceJournal(
    header: JournalHeader,
    from: JournalPosition,
    until: JournalPosition,
    seen: JournalPosition,
  ): Promise<void> {
    this.#requirePosition(seen);
    const rest = this.#journal.readFrom(from.position).subarray(0, until.position - from.position);
    const head = encodeHeader(header);
    await this.#journal.replace(Buffer.concat([head, rest]), seen.position, backupOf(this.layout.journal));
    this.#adopt(header, head.length);
    // The tables hold these commits already; reading them again tells which collections they changed.
    this.#readOn(rest);
  }

  /** @throws JournalMoved where the tables have moved on since something was decided */
  #requirePosition({ id, position }: JournalPosition): void {
    if (this.#place.id !== id || this.#place.position !== position) throw new JournalMoved();
  }

  /** Goes to the beginning of a journal that continues the one so far. */
  #adopt(header: JournalHeader, headerEnd: number): void {
    this.#loaded = { ...(this.#loaded as Loaded), header, identities: header.base, store: header.store };
    this.#headerEnd = headerEnd;
    this.#announced = [];
    this.#changed = new Set();
    this.#place = { id: header.id, position: headerEnd, next: header.next };
  }

  /** Runs tasks that must not meet in the middle one after another. */
  #oneAtATime<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => {});
    return result;
  }

  async #refresh(): Promise<void> {
    await this.requireFiles();
    if (this.#mustLoad) return this.#load();
    const change = await this.#journal.poll(this.#place.position);
    if (change === 'unchanged') return;
    if (change === 'replaced') return this.#follow();
    this.#readOn(this.#journal.readFrom(this.#place.position));
  }

  /** Applies the records that others have appended. */
  #readOn(bytes: Buffer): void {
    const { records, end, rest } = decodeRecords(bytes, this.#place.next);
    if (rest === 'damaged') throw damagedJournal(this.files, this.layout, this.#place.position + end);
    for (const record of records) this.#apply(record);
    const { id, position, next } = this.#place;
    this.#place = { id, position: position + end, next: next + records.length };
  }

  #apply(record: JournalRecord): void {
    applyRecord(this.tables, record);
    for (const [, collection] of record.ops) this.#changed.add(collection);
    if (record.compaction !== undefined) this.#announced.push({ n: record.n, files: record.compaction });
  }

  /** Another journal has taken the place of ours: goes on in it where it continues ours, else loads everything. */
  async #follow(): Promise<void> {
    const bytes = await this.#journal.readAll();
    const decoded = bytes === undefined ? undefined : decodeHeader(bytes);
    const follows = decoded?.header.follows;
    const { id, position } = this.#place;
    if (bytes === undefined || decoded === undefined || follows?.id !== id || position < follows.from)
      return this.#load();
    const { records } = decodeRecords(bytes.subarray(decoded.end), decoded.header.next);
    if (decoded.header.next + records.length < nextCommit(this.#place, this.#announced)) return this.#load();
    // The tables hold at least what the new data files do. Records they hold already change nothing in the end.
    this.#adopt(decoded.header, decoded.end);
    this.#readOn(bytes.subarray(decoded.end));
  }

  /** Reads everything from the files. */
  async #load(): Promise<void> {
    this.#mustLoad = true;
    const loaded = await loadFiles(this.files, this.layout, this.#journal, this.#cacheSize);
    this.#continuity.requireSame(loaded, this.#loaded, {
      ...this.#place,
      next: nextCommit(this.#place, this.#announced),
    });
    this.#takeOver(loaded);
  }

  #takeOver({ headerEnd, records, end, edited, next, ...loaded }: LoadedFiles): void {
    for (const name of edited) this.#warn(editedAtRest(this.files.describe(name)));
    this.#mustLoad = false;
    this.#loaded = loaded;
    this.#headerEnd = headerEnd;
    this.#announced = [];
    this.#changed = new Set();
    for (const record of records) this.#apply(record);
    this.#place = { id: loaded.header?.id ?? '', position: end, next };
  }

  /** The header of the next journal of this store. Numbers go on even where it follows none, so that none comes twice. */
  #newHeader(next: number, base: FileIdentities): JournalHeader {
    const store = this.#loaded?.store ?? crypto.randomUUID();
    return { journal: 1, id: crypto.randomUUID(), store, base, next };
  }

  /** Begins a journal where there is none yet, and cuts off what a writer left half written. */
  async #ensureJournal(): Promise<void> {
    if (this.#place.id === '') {
      const header = this.#newHeader(this.#place.next, (this.#loaded as Loaded).identities);
      this.#adopt(header, await beginJournal(this.files, this.layout, this.#journal, header, this.#place.position));
      return;
    }
    if (this.files.exclusive && (await this.#journal.poll(this.#place.position)) === 'grown') await this.#cutTornTail();
  }

  /** Only a writer that died can have left the bytes: they were never acknowledged. They are kept aside all the same. */
  async #cutTornTail(): Promise<void> {
    const torn = this.#journal.readFrom(this.#place.position);
    // What has been written over the journal itself is another one.
    if (decodeHeader(this.#journal.readFrom(0))?.header.id !== this.#place.id) {
      await this.#load();
      throw new JournalMoved();
    }
    const aside = await keepPartAside(this.files, this.layout.journal, 'torn', torn);
    await this.#journal.truncate(this.#place.position);
    this.#warn(tornTail(this.files.describe(this.layout.journal), torn.length, this.files.describe(aside)));
  }

  /** @param apply run in the same turn as the place moves on: whoever sees the one sees the other */
  async #appendBytes(bytes: Buffer, durable: boolean, apply: () => void): Promise<void> {
    const { id, position, next } = this.#place;
    await this.#journal.append(bytes, position, durable);
    this.#place = { id, position: position + bytes.length, next: next + 1 };
    apply();
  }
}
