import type { Entity } from '../../model/entities.ts';
import { cloneJson } from '../../model/json-values.ts';
import { backOff } from '../../repository/backoff.ts';
import { StorageUnavailableError } from '../../repository/errors.ts';
import type { GuardedWrite, WriteRejected } from '../../repository/guarded-write.ts';
import type { StoreSession, WriteOutcome } from '../../repository/storage-strategy.ts';
import { JournalChanged } from './file-manager.ts';
import type { JournalPosition } from './journal-format.ts';
import type { JsonDatabase } from './json-database.ts';
import type { LockManager } from './lock-manager.ts';
import { View } from './view.ts';

/** Atomic lists that wait for the next commit, with the callbacks of their caller. */
interface Submission {
  readonly lists: readonly (readonly GuardedWrite[])[];
  readonly resolve: (outcomes: WriteOutcome[]) => void;
  readonly reject: (error: unknown) => void;
}

/** How long this process keeps committing under one lock before other processes get their turn. */
const TURN_MS = 20;
/** How long they then have to take the lock; they try every few milliseconds. */
const PAUSE_MS = 2;
/** How often a commit is decided again because another process was faster (only if writers are not kept out). */
const MAX_ATTEMPTS = 50;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Commits lists of guarded writes and runs transactions, one after another under the write lock. Lists that arrive while
 * a commit is being written share the next one: one append, one fsync.
 */
export class TransactionManager {
  readonly #database: JsonDatabase;
  readonly #locks: LockManager;
  /** Maximum bytes of one append; a larger commit is appended on its own. */
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

  /** Runs `work` on a view that no other caller can change, and commits its writes. */
  transaction<T>(work: (session: StoreSession) => Promise<T>): Promise<T> {
    return this.exclusively(async (at) => {
      const view = new View(this.#database.tables);
      let changed = false;
      // If writers are not kept out (on S3), a read of this process may update the tables in the middle of `work`. Its
      // reads before and after would then belong to two different states, so it has to run again, even if it only reads,
      // and whether or not it caught the error.
      const requireSameMoment = (): void => {
        const { id, position } = this.#database.position;
        changed ||= id !== at.id || position !== at.position;
        if (changed) throw new JournalChanged();
      };
      try {
        const result = await work(sessionOn(view, requireSameMoment));
        if (changed) throw new JournalChanged();
        await this.#commit(view, at);
        return result;
      } catch (error) {
        throw changed ? new JournalChanged() : error;
      }
    });
  }

  /**
   * Runs `work` under the write lock on the current tables, and again if another process commits first.
   * @param work receives the position at which it must append
   */
  exclusively<T>(work: (at: JournalPosition) => Promise<T>): Promise<T> {
    const done = this.#untilCommitted(work);
    this.#exclusive.add(done);
    return done.finally(() => this.#exclusive.delete(done));
  }

  /** Waits until everything submitted and started has been committed or refused. */
  async settled(): Promise<void> {
    await this.#running;
    await Promise.allSettled(this.#exclusive);
  }

  async #untilCommitted<T>(work: (at: JournalPosition) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#database.requireFiles();
        return await this.#locks.write(async () => {
          await this.#database.catchUp();
          return work(this.#database.position);
        });
      } catch (error) {
        if (!(error instanceof JournalChanged)) throw error;
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
        // The store is gone, or the lock was not available: the waiting callers get the error, and may retry.
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

  /** Commits as many submissions as one append holds; the others go back to the front of the queue. */
  async #commitGroup(waiting: Submission[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#database.catchUp();
      const at = this.#database.position;
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
        if (!(error instanceof JournalChanged)) throw error;
        await this.#backOff(attempt);
        continue;
      }
      for (const { submission, outcomes } of decided) submission.resolve(outcomes.map(handOut));
      this.#queue.unshift(...waiting.splice(decided.length));
      return;
    }
  }

  async #commit(view: View, at: JournalPosition): Promise<void> {
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
    await backOff(attempt, { baseMs: 10, longestMs: 250 });
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

/** A session that reads and writes on a view. @param before called before each operation; may throw */
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
