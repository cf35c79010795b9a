import type { Entity } from '../../model/entities.ts';
import { cloneJson } from '../../model/json-values.ts';
import { StorageUnavailableError } from '../../repository/errors.ts';
import type { GuardedWrite, WriteRejected } from '../../repository/guarded-write.ts';
import type { StoreSession, WriteOutcome } from '../../repository/storage-strategy.ts';
import { JournalMoved } from './file-manager.ts';
import type { JsonDatabase } from './json-database.ts';
import type { LockManager } from './lock-manager.ts';
import { View } from './view.ts';

/** Atomic lists that wait for the next commit, with who asked for them. */
interface Submission {
  readonly lists: readonly (readonly GuardedWrite[])[];
  readonly resolve: (outcomes: WriteOutcome[]) => void;
  readonly reject: (error: unknown) => void;
}

/** How long commits follow one another under one lock before other processes get their turn. */
const TURN_MS = 20;
/** How long they then have to take the lock; they try every few milliseconds. */
const PAUSE_MS = 2;
/** Times a commit is decided anew because another process was faster (only where writers are not kept out). */
const MAX_ATTEMPTS = 50;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Commits lists of guarded writes and runs transactions, one after another under the write lock. Lists that come in
 * while a commit is on its way to the disk share the next one: one append, one fsync.
 */
export class TransactionManager {
  readonly #database: JsonDatabase;
  readonly #locks: LockManager;
  /** Bytes of one append; a commit that is larger goes alone. */
  readonly #groupBytes: number;
  readonly #durable: boolean;
  readonly #committed: () => void;
  readonly #queue: Submission[] = [];
  #running: Promise<void> | undefined;
  readonly #exclusive = new Set<Promise<unknown>>();

  /** @param committed called after every commit */
  constructor(
    database: JsonDatabase,
    locks: LockManager,
    settings: { groupBytes: number; durable: boolean; committed: () => void },
  ) {
    this.#database = database;
    this.#locks = locks;
    this.#groupBytes = settings.groupBytes;
    this.#durable = settings.durable;
    this.#committed = settings.committed;
  }

  /** Commits each list on its own, in order. */
  submit(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ lists, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Runs `work` on a view that nobody else can change, and commits what it wrote. */
  transaction<T>(work: (session: StoreSession) => Promise<T>): Promise<T> {
    return this.exclusively(async (at) => {
      const view = new View(this.#database.tables);
      let moved = false;
      // Where writers are not kept out (on S3), a read of this process may bring the tables up to date in the middle of
      // `work`. What it has read before and what it would read now are then of two moments, so it has to run again, even
      // if it only reads, and whatever it made of the error.
      const requireSameMoment = (): void => {
        const { id, position } = this.#database.place;
        moved ||= id !== at.id || position !== at.position;
        if (moved) throw new JournalMoved();
      };
      try {
        const result = await work(sessionOn(view, requireSameMoment));
        if (moved) throw new JournalMoved();
        await this.#commit(view, at);
        return result;
      } catch (error) {
        throw moved ? new JournalMoved() : error;
      }
    });
  }

  /**
   * Runs `work` under the write lock on the current tables, and anew where another process commits first.
   * @param work given the place that what it decides has to be appended at
   */
  exclusively<T>(work: (at: JsonDatabase['place']) => Promise<T>): Promise<T> {
    const done = this.#untilCommitted(work);
    this.#exclusive.add(done);
    return done.finally(() => this.#exclusive.delete(done));
  }

  /** Waits until everything submitted and begun has been committed or refused. */
  async settled(): Promise<void> {
    await this.#running;
    await Promise.allSettled(this.#exclusive);
  }

  async #untilCommitted<T>(work: (at: JsonDatabase['place']) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#database.requireFiles();
        return await this.#locks.write(async () => {
          await this.#database.catchUp();
          return work(this.#database.place);
        });
      } catch (error) {
        if (!(error instanceof JournalMoved)) throw error;
        await this.#backOff(attempt);
      }
    }
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      try {
        await this.#database.requireFiles();
        await this.#locks.write(() => this.#takeTurn());
      } catch (error) {
        // The store is gone, or the lock could not be had: those who wait are told, and may try again.
        for (const { reject } of this.#queue.splice(0)) reject(error);
      }
      if (this.#queue.length > 0) await pause(PAUSE_MS);
    }
    this.#running = undefined;
  }

  async #takeTurn(): Promise<void> {
    const end = performance.now() + TURN_MS;
    do {
      const waiting = this.#queue.splice(0);
      try {
        await this.#commitGroup(waiting);
      } catch (error) {
        for (const { reject } of waiting) reject(error);
      }
    } while (this.#queue.length > 0 && performance.now() < end);
  }

  /** Commits the first submissions that fit one append; the others go back to the front of the queue. */
  async #commitGroup(waiting: Submission[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#database.catchUp();
      const at = this.#database.place;
      const view = new View(this.#database.tables);
      const decided: { submission: Submission; outcomes: WriteOutcome[] }[] = [];
      let bytes = 0;
      for (const submission of waiting) {
        if (bytes >= this.#groupBytes) break;
        decided.push({ submission, outcomes: submission.lists.map((list) => attemptList(view, list)) });
        bytes = view.textLength;
      }
      try {
        await this.#commit(view, at);
      } catch (error) {
        if (!(error instanceof JournalMoved)) throw error;
        await this.#backOff(attempt);
        continue;
      }
      for (const { submission, outcomes } of decided) submission.resolve(outcomes.map(handOut));
      this.#queue.unshift(...waiting.splice(decided.length));
      return;
    }
  }

  async #commit(view: View, at: JsonDatabase['place']): Promise<void> {
    const operations = view.operations();
    if (operations.length === 0) return;
    const database = this.#database;
    await database.append(at, operations, () => view.apply((name) => database.markChanged(name)), this.#durable);
    this.#committed();
  }

  async #backOff(attempt: number): Promise<void> {
    if (attempt === MAX_ATTEMPTS) {
      throw new StorageUnavailableError(`Other processes kept committing first, ${attempt} times in a row. Try again.`);
    }
    await pause(Math.random() * Math.min(5 * 2 ** attempt, 250));
  }
}

function attemptList(view: View, writes: readonly GuardedWrite[]): WriteOutcome {
  try {
    return { entities: view.write(writes) };
  } catch (error) {
    return { error: error as WriteRejected };
  }
}

const copyOf = (entity: Entity | undefined): Entity | undefined =>
  entity === undefined ? undefined : cloneJson(entity);

/** Callers own what they get. */
const handOut = (outcome: WriteOutcome): WriteOutcome =>
  'error' in outcome ? outcome : { entities: outcome.entities.map(copyOf) };

/** Reads and writes on a view. @param before called before each of them; may throw */
export const sessionOn = (view: View, before: () => void = () => {}): StoreSession => {
  const checked =
    <A extends unknown[], R>(operation: (...args: A) => R) =>
    async (...args: A): Promise<R> => {
      before();
      return operation(...args);
    };
  return {
    get: checked((collection, ids) => ids.map((id) => copyOf(view.get(collection, id)))),
    query: checked((collection, query) => view.query(collection, query)),
    count: checked((collection, predicates, groupBy) => view.count(collection, predicates, groupBy)),
    write: checked((writes) => view.write(writes).map(copyOf)),
  };
};
