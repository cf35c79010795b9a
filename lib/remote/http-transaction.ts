import type { CollectionName, Reference } from '../model/collections.ts';
import type { Entity, JsonObject } from '../model/entities.ts';
import { setOwn } from '../model/json-values.ts';
import { MAX_TRANSACTION_ENTITIES } from '../model/limits.ts';
import { backOff } from '../repository/backoff.ts';
import { BufferedSession } from '../repository/buffered-session.ts';
import { StorageUnavailableError, TransactionTooLargeError, UnsupportedOperationError } from '../repository/errors.ts';
import { type GuardedWrite, versionOf } from '../repository/guarded-write.ts';
import type { Transaction } from '../repository/repository.ts';
import { type OperationSettings, SessionOperations } from '../repository/session-operations.ts';
import type { Count, Page } from '../repository/storage-strategy.ts';
import { type ApiClient, ApiProblem } from './api-client.ts';
import { codeOf, isConflict } from './remote-errors.ts';
import { sendTransaction, type TransactionOperation, transactionError } from './transaction-calls.ts';

/** How a transaction reads stored entities. */
export interface TransactionReads {
  /** The entities of distinct ids, by id. */
  read(collection: CollectionName, ids: readonly string[]): Promise<ReadonlyMap<string, Entity>>;
  /** Whether an entity other than those in `except` references an id. */
  isReferenced(reference: Reference, id: string, except: ReadonlySet<string>): Promise<boolean>;
}

const keyOf = (collection: CollectionName, id: string): string => `${collection}/${id}`;

/** Changes of an update in the API's form: null removes a field. */
function changesOf(set: JsonObject, remove: readonly string[]): JsonObject {
  const changes: JsonObject = {};
  for (const name of Object.keys(set)) setOwn(changes, name, set[name]);
  for (const name of remove) setOwn(changes, name, null);
  return changes;
}

/** A write in the API's form, expecting the known version. */
function operationOf(write: GuardedWrite, before: Entity | undefined, after: Entity | undefined): TransactionOperation {
  const { collection, id } = write;
  const about = { collection, id, expected_version: versionOf(before) };
  switch (write.kind) {
    case 'put': {
      // A new entity gets its timestamp here, so that the returned entity equals the stored one.
      const created = before === undefined ? { created_at: after?.created_at ?? write.at } : {};
      return { action: 'save', ...about, entity: { ...write.fields, ...created } };
    }
    case 'patch':
      return { action: 'update', ...about, changes: changesOf(write.set, write.remove) };
    case 'delete':
      return { action: 'delete', ...about };
    case 'check':
      return { action: 'check', ...about };
  }
}

/**
 * One attempt of a transaction: it buffers its writes and finally sends them as operations that each expect the version
 * that was read, with a check for everything that was read but not written, including absence.
 */
class HttpTransaction extends BufferedSession {
  readonly #reads: TransactionReads;
  readonly #stored = new Map<string, { collection: CollectionName; id: string; version: number }>();
  readonly #written = new Set<string>();
  readonly #operations: TransactionOperation[] = [];
  #open = true;

  constructor(reads: TransactionReads) {
    super();
    this.#reads = reads;
  }

  async query(): Promise<Page> {
    this.#requireOpen();
    throw unprotected();
  }

  async count(): Promise<Count> {
    this.#requireOpen();
    throw unprotected();
  }

  /** Ends the transaction: no further calls are accepted. Waits for those in progress. */
  async end(): Promise<void> {
    this.#open = false;
    await this.settled();
  }

  /** The operations that commit it: first checks of entities that were only read, then the writes in order. */
  operations(): TransactionOperation[] {
    const checks = [...this.#stored].flatMap(([key, { version, ...target }]): TransactionOperation[] =>
      this.#written.has(key) ? [] : [{ action: 'check', ...target, expected_version: version }],
    );
    return [...checks, ...this.#operations];
  }

  protected override inTurn<T>(call: () => Promise<T>): Promise<T> {
    return this.#open ? super.inTurn(call) : Promise.reject(ended());
  }

  protected override async decide(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    const before = writes.map(({ collection, id }) => this.pending.current(collection, id));
    const after = await super.decide(writes);
    for (const [i, write] of writes.entries()) {
      if (write.kind === 'check') continue;
      this.#operations.push(operationOf(write, before[i], after[i]));
      this.#written.add(keyOf(write.collection, write.id));
    }
    return after;
  }

  #requireOpen(): void {
    if (!this.#open) throw ended();
  }

  protected async fetch(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    const found = await this.#reads.read(collection, ids);
    for (const id of ids) {
      this.#stored.set(keyOf(collection, id), { collection, id, version: versionOf(found.get(id)) });
    }
    return ids.map((id) => found.get(id));
  }

  protected isReferencedInStore(reference: Reference, id: string, except: ReadonlySet<string>): Promise<boolean> {
    return this.#reads.isReferenced(reference, id, except);
  }
}

const ended = (): UnsupportedOperationError =>
  new UnsupportedOperationError('The transaction has ended. Use its tx only inside the callback.');

const unprotected = (): UnsupportedOperationError =>
  new UnsupportedOperationError(
    'Over HTTP nothing can protect queries inside a transaction from phantoms. Query before it begins, and read the ' +
      'entities by id inside it.',
  );

/** An attempt fails only because another transaction has committed, so all of them end eventually. */
const ATTEMPTS = 50;
const PAUSES = { baseMs: 10, longestMs: 500 };

interface Attempt<T> {
  readonly value: T;
  readonly operations: readonly TransactionOperation[];
}

async function attempt<T>(
  reads: TransactionReads,
  settings: OperationSettings,
  work: (tx: Transaction) => Promise<T>,
): Promise<Attempt<T>> {
  const session = new HttpTransaction(reads);
  const touched = new Set<string>();
  const tx = new SessionOperations(session, settings, (collection, id) => {
    touched.add(`${collection}/${id}`);
    if (touched.size > MAX_TRANSACTION_ENTITIES) throw new TransactionTooLargeError(MAX_TRANSACTION_ENTITIES);
  });
  try {
    const value = await work(tx);
    return { value, operations: session.operations() };
  } finally {
    await session.end();
  }
}

/** Whether a commit failed because something it read has changed since: running the work again reads the new state. */
const isOutdated = ({ problem, afterLostAnswer }: ApiProblem, operations: readonly TransactionOperation[]): boolean => {
  const stale = isConflict(problem) || codeOf(problem) === 'entity_not_found';
  // If an earlier answer was lost, the change may be what this transaction itself wrote.
  return stale && (!afterLostAnswer || operations.every(({ action }) => action === 'check'));
};

/**
 * Runs `work` and commits its writes with one call, which succeeds only if nothing it read has changed. Otherwise `work`
 * runs again.
 * @throws whatever `work` throws, AnswerLostError, and the errors of a refused commit
 */
export async function runTransaction<T>(
  api: ApiClient,
  reads: TransactionReads,
  settings: OperationSettings,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  for (let count = 1; ; count++) {
    const { value, operations } = await attempt(reads, settings, work);
    // A single read is consistent in any case.
    if (operations.length === 0 || (operations.length === 1 && operations[0]?.action === 'check')) return value;
    // The API counts operations: one per entity, or several if it is written several times.
    if (operations.length > MAX_TRANSACTION_ENTITIES) throw new TransactionTooLargeError(MAX_TRANSACTION_ENTITIES);
    try {
      await sendTransaction(api, operations);
      return value;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (!isOutdated(error, operations)) throw await transactionError(api, error, operations);
      if (count === ATTEMPTS) {
        const message = `The transaction ran ${ATTEMPTS} times, and each time others changed what it had read. Try again in a while.`;
        throw new StorageUnavailableError(message, { cause: error });
      }
    }
    await backOff(count, PAUSES);
  }
}
