import type { JsonStrategyConfig } from '../../config/json-strategy.ts';
import type { CollectionName } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import { cloneJson, type Problem } from '../../model/json-values.ts';
import { StorageError, UnsupportedOperationError } from '../../repository/errors.ts';
import type { LoadOver } from '../../repository/guarded-write.ts';
import { type GuardedWrite, mayLoad, newestById, versionOf } from '../../repository/guarded-write.ts';
import type { Predicate, Query } from '../../repository/query.ts';
import type {
  Capabilities,
  Count,
  LoadOptions,
  Page,
  ScanOptions,
  ScanPage,
  Snapshot,
  StorageStrategy,
  StoreSession,
  WriteOutcome,
} from '../../repository/storage-strategy.ts';
import { TransactionScope } from '../../repository/transaction-scope.ts';
import { Compaction } from './compaction.ts';
import type { EntityTable } from './entity-table.ts';
import { type FileManager, JournalChanged } from './file-manager.ts';
import { type JournalPosition, putText } from './journal-format.ts';
import { JsonDatabase } from './json-database.ts';
import { layoutOf } from './layout.ts';
import { openLocation } from './location.ts';
import type { LockManager } from './lock-manager.ts';
import { captured, Scans } from './scans.ts';
import { gzipSerializer, plainSerializer } from './serializer.ts';
import { sessionOn, TransactionManager } from './transaction-manager.ts';
import { View } from './view.ts';

/** The journal is compacted when it is larger than the data files, but not before it has this size... */
const MIN_COMPACTION_BYTES = 1_000_000;
/** ...or when its oldest commit has waited this long. */
const COMPACT_AFTER_MS = 30_000;
/** If saves do not wait for the disk: how long a power failure may still lose them. */
const SYNC_AFTER_MS = 1_000;
/** On S3 each commit rewrites the whole journal, so it is kept short. */
const MAX_REWRITTEN_BYTES = 128_000;
/** After this many, other processes are writing all the time, and the last one to close compacts. */
const MAX_CLOSING_COMPACTIONS = 10;

/**
 * Entities in JSON files, on the local disk or on S3, shared by any number of processes. Everything is in memory; a save
 * costs one append to the journal, which is compacted into the files in the background.
 */
export class JsonStorageStrategy implements StorageStrategy {
  readonly name = 'json';
  readonly capabilities: Capabilities = {
    queriesInTransactions: true,
    maxAtomicWrites: Number.POSITIVE_INFINITY,
    loadsInvalidRecords: true,
    snapshotReads: true,
    parallelScans: false,
    protectsParents: true,
    queryStaleness: 0,
  };
  readonly #files: FileManager;
  readonly #locks: LockManager;
  readonly #database: JsonDatabase;
  readonly #compaction: Compaction;
  readonly #transactions: TransactionManager;
  readonly #durable: boolean;
  readonly #scope = new TransactionScope();
  readonly #scans = new Scans();
  #compactionTimer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #compacting: Promise<void> | undefined;
  /** Until when no compaction is tried, in milliseconds of `performance.now()`: one has failed, perhaps on a full disk. */
  #compactionPausedUntil = 0;
  #closed = false;

  constructor(config: JsonStrategyConfig, files: FileManager, locks: LockManager) {
    this.#files = files;
    this.#locks = locks;
    this.#durable = config.sync_writes;
    const warn = (message: string): void => process.emitWarning(message, 'StorageWarning');
    this.#database = new JsonDatabase(files, layoutOf(config), { cacheSize: config.cache_size, warn });
    const serializer = config.enable_compression ? gzipSerializer : plainSerializer;
    this.#compaction = new Compaction(this.#database, serializer, warn);
    this.#transactions = new TransactionManager(this.#database, locks, {
      groupBytes: config.write_buffer_size,
      durable: config.sync_writes,
      committed: () => this.#afterCommit(),
    });
  }

  async get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    const view = await this.#currentView();
    return ids.map((id) => {
      const entity = view.get(collection, id);
      return entity === undefined ? undefined : cloneJson(entity);
    });
  }

  async query(collection: CollectionName, query: Query): Promise<Page> {
    return (await this.#currentView()).query(collection, query);
  }

  async count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Promise<Count> {
    return (await this.#currentView()).count(collection, predicates, groupBy);
  }

  async write(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    const [outcome] = (await this.writeEach([writes])) as [WriteOutcome];
    if ('error' in outcome) throw outcome.error;
    return outcome.entities;
  }

  async writeEach(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    this.#requireOpen();
    this.#scope.requireOutside();
    const outcomes = await this.#transactions.submit(lists);
    await this.#compactedIfNeeded();
    return outcomes;
  }

  /** Runs `work` under the write lock: no other caller sees a part of it or writes in between. */
  async transaction<T>(work: (session: StoreSession) => Promise<T>): Promise<T> {
    this.#requireOpen();
    this.#scope.requireOutside();
    const result = await this.#scope.enter(work, (scoped) => this.#transactions.transaction(scoped));
    await this.#compactedIfNeeded();
    return result;
  }

  /**
   * SPEC.md's `acquire_write_lock`: keeps every other writer and lock holder out while `work` runs. Its writes on the
   * session are committed when it returns.
   */
  withWriteLock<T>(work: (session: StoreSession) => Promise<T>): Promise<T> {
    return this.transaction(work);
  }

  /**
   * SPEC.md's `acquire_read_lock`: keeps writers out while `work` reads on the session. On a local disk this includes
   * other processes; on S3 they are not kept out, but the session reads one version of the data.
   */
  async withReadLock<T>(work: (session: StoreSession) => Promise<T>): Promise<T> {
    this.#requireOpen();
    const write = async (): Promise<never> => {
      throw new UnsupportedOperationError('Nothing can be written under a read lock; use withWriteLock.');
    };
    return this.#scope.enter(work, (scoped: (session: StoreSession) => Promise<T>) =>
      this.#database
        .requireFiles()
        .then(() => this.#locks.read(async () => scoped({ ...sessionOn(await this.#currentView()), write }))),
    );
  }

  async scan(collection: CollectionName, options: ScanOptions): Promise<ScanPage> {
    await this.#currentView();
    return this.#scans.page(this.#table(collection), options);
  }

  async snapshot(): Promise<Snapshot> {
    await this.#currentView();
    return captured(this.#database.tables);
  }

  loadProblems(): readonly Problem[] {
    return [];
  }

  async load(
    collection: CollectionName,
    entities: readonly Entity[],
    { over = 'older' }: LoadOptions = {},
  ): Promise<number> {
    this.#requireOpen();
    this.#scope.requireOutside();
    const loaded = await this.#transactions.exclusively((at) => this.#loadWanted(collection, entities, over, at));
    await this.#compactedIfNeeded();
    return loaded;
  }

  async health(): Promise<void> {
    this.#requireOpen();
    await this.#database.health();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#compactionTimer);
    clearTimeout(this.#syncTimer);
    try {
      await this.#transactions.settled();
      await this.#compacting;
      // Repeated if another process compacted at the same time: our latest commits are then still in the journal.
      for (let i = 0; i < MAX_CLOSING_COMPACTIONS && this.#database.uncompactedBytes > 0; i++) await this.#compactNow();
    } catch (error) {
      // The commits are safe in the journal, and the next process compacts them.
      warn(error);
    }
    try {
      if (!this.#durable) await this.#database.sync();
    } finally {
      await this.#database.close();
      this.#locks.close();
    }
  }

  async #currentView(): Promise<View> {
    this.#requireOpen();
    await this.#database.catchUp();
    return new View(this.#database.tables);
  }

  async #loadWanted(
    collection: CollectionName,
    entities: readonly Entity[],
    over: LoadOver,
    at: JournalPosition,
  ): Promise<number> {
    const table = this.#table(collection);
    const wanted = [...newestById(collection, entities)].filter(([id, entity]) =>
      mayLoad(over, versionOf(entity), table.get(id)),
    );
    if (wanted.length === 0) return 0;
    const operations = wanted.map(([id, entity]) => putText(collection, id, JSON.stringify(entity)));
    const apply = (): void => {
      for (const [id, entity] of wanted) table.put(id, cloneJson(entity));
      this.#database.markChanged(collection);
    };
    await this.#database.append(at, operations, apply, this.#durable);
    this.#afterCommit();
    return wanted.length;
  }

  #table(collection: CollectionName): EntityTable {
    return this.#database.tables.get(collection) as EntityTable;
  }

  #afterCommit(): void {
    if (!this.#durable) {
      this.#syncTimer ??= setTimeout(() => {
        this.#syncTimer = undefined;
        this.#database.sync().catch(warn);
      }, SYNC_AFTER_MS).unref();
    }
    const { uncompactedBytes, compactedBytes } = this.#database;
    const enough = this.#files.exclusive ? Math.max(MIN_COMPACTION_BYTES, compactedBytes) : MAX_REWRITTEN_BYTES;
    if (uncompactedBytes > enough) this.#compactInBackground();
    else this.#compactionTimer ??= setTimeout(() => this.#compactInBackground(), COMPACT_AFTER_MS).unref();
  }

  /**
   * On S3 a necessary compaction is part of the call: a Lambda function is frozen once it has answered, and the journal,
   * which each commit rewrites as a whole, would grow without end.
   */
  async #compactedIfNeeded(): Promise<void> {
    if (!this.#files.exclusive) await this.#compacting;
  }

  #compactInBackground(): void {
    clearTimeout(this.#compactionTimer);
    this.#compactionTimer = undefined;
    if (this.#closed || performance.now() < this.#compactionPausedUntil) return;
    this.#compacting ??= this.#compactNow()
      .catch((error: unknown) => {
        this.#compactionPausedUntil = performance.now() + COMPACT_AFTER_MS;
        warn(error);
      })
      .finally(() => {
        this.#compacting = undefined;
      });
  }

  async #compactNow(): Promise<void> {
    try {
      await this.#compaction.run((work) => this.#locks.write(work));
    } catch (error) {
      // Another process is compacting, so there is nothing left to do.
      if (!(error instanceof JournalChanged)) throw error;
    }
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new UnsupportedOperationError('The repository is closed. Open it again with openRepository.');
  }
}

/** Background work has no caller to report to; the commits stay in the journal and the work is retried. */
function warn(error: unknown): void {
  const message = error instanceof StorageError ? error.message : String(error);
  process.emitWarning(`Background work of the JSON store failed and will be retried: ${message}`, 'StorageWarning');
}

/** Opens the JSON store that the configuration describes, creating its folder if it is missing. */
export async function openJsonStrategy(config: JsonStrategyConfig): Promise<JsonStorageStrategy> {
  const { files, locks } = await openLocation(config);
  await files.prepare();
  return new JsonStorageStrategy(config, files, locks);
}
