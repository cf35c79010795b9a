import type { CollectionName, Reference } from '../model/collections.ts';
import type { Entity, JsonObject } from '../model/entities.ts';
import { setOwn } from '../model/json-values.ts';
import { UnsupportedOperationError } from '../repository/errors.ts';
import { type GuardedWrite, versionOf } from '../repository/guarded-write.ts';
import { copyOf, PendingWrites } from '../repository/pending-writes.ts';
import type { Count, Page, StoreSession } from '../repository/storage-strategy.ts';
import type { TransactionOperation } from './transaction-calls.ts';

/** How a transaction reads what is stored. */
export interface TransactionReads {
  /** The entities of distinct ids, by id. */
  read(collection: CollectionName, ids: readonly string[]): Promise<ReadonlyMap<string, Entity>>;
  /** Whether an entity other than those of `except` refers to an id. */
  isReferenced(reference: Reference, id: string, except: ReadonlySet<string>): Promise<boolean>;
}

const keyOf = (collection: CollectionName, id: string): string => `${collection}/${id}`;

/** Changes of an update as the API takes them: null removes a field. */
function changesOf(set: JsonObject, remove: readonly string[]): JsonObject {
  const changes: JsonObject = {};
  for (const name of Object.keys(set)) setOwn(changes, name, set[name]);
  for (const name of remove) setOwn(changes, name, null);
  return changes;
}

/** A write as the API takes it, over the version that is known. */
function operationOf(write: GuardedWrite, before: Entity | undefined, after: Entity | undefined): TransactionOperation {
  const { collection, id } = write;
  const about = { collection, id, expected_version: versionOf(before) };
  switch (write.kind) {
    case 'put': {
      // A new entity is given its time here, so that what was returned is what is stored.
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
 * One attempt of a transaction: it keeps its writes, and in the end sends them as operations that each ask for the version
 * which was read, with a check for everything that was read and not written, absence included.
 */
export class HttpTransaction implements StoreSession {
  readonly #reads: TransactionReads;
  readonly #pending = new PendingWrites();
  readonly #stored = new Map<string, { collection: CollectionName; id: string; version: number }>();
  readonly #written = new Set<string>();
  readonly #operations: TransactionOperation[] = [];
  #tail: Promise<unknown> = Promise.resolve();
  #open = true;

  constructor(reads: TransactionReads) {
    this.#reads = reads;
  }

  get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    return this.#inTurn(async () => {
      await this.#read(collection, ids);
      return ids.map((id) => copyOf(this.#pending.current(collection, id)));
    });
  }

  async query(): Promise<Page> {
    this.#requireOpen();
    throw unprotected();
  }

  async count(): Promise<Count> {
    this.#requireOpen();
    throw unprotected();
  }

  write(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    return this.#inTurn(async () => {
      for (const { collection, id } of writes) await this.#read(collection, [id]);
      const before = writes.map(({ collection, id }) => this.#pending.current(collection, id));
      const left = await this.#pending.decide(writes, (reference, id) => this.#isReferenced(reference, id));
      for (const [i, write] of writes.entries()) {
        if (write.kind === 'check') continue;
        this.#operations.push(operationOf(write, before[i], left[i]));
        this.#written.add(keyOf(write.collection, write.id));
      }
      return left.map(copyOf);
    });
  }

  /** Ends it: nothing more is taken. Waits for what was begun. */
  async end(): Promise<void> {
    this.#open = false;
    await this.#tail;
  }

  /** What commits it: first the checks of what was only read, then the writes in their order. */
  operations(): TransactionOperation[] {
    const checks = [...this.#stored].flatMap(([key, { version, ...target }]): TransactionOperation[] =>
      this.#written.has(key) ? [] : [{ action: 'check', ...target, expected_version: version }],
    );
    return [...checks, ...this.#operations];
  }

  /** Runs operations one after another: callers may start several at once. */
  #inTurn<T>(operation: () => Promise<T>): Promise<T> {
    if (!this.#open) return Promise.reject(ended());
    const result = this.#tail.then(operation);
    this.#tail = result.catch(() => {});
    return result;
  }

  #requireOpen(): void {
    if (!this.#open) throw ended();
  }

  async #read(collection: CollectionName, ids: readonly string[]): Promise<void> {
    const unknown = this.#pending.unknown(collection, ids);
    if (unknown.length === 0) return;
    const found = await this.#reads.read(collection, unknown);
    for (const id of unknown) {
      const entity = found.get(id);
      this.#pending.setStored(collection, id, entity);
      this.#stored.set(keyOf(collection, id), { collection, id, version: versionOf(entity) });
    }
  }

  async #isReferenced(reference: Reference, id: string): Promise<boolean> {
    const known = this.#pending.of(reference.collection);
    if ([...known.values()].some(({ current }) => current?.[reference.field] === id)) return true;
    return this.#reads.isReferenced(reference, id, new Set(known.keys()));
  }
}

const ended = (): UnsupportedOperationError =>
  new UnsupportedOperationError('The transaction has ended; use its tx only inside the callback.');

const unprotected = (): UnsupportedOperationError =>
  new UnsupportedOperationError(
    'Over HTTP nothing can protect queries inside a transaction from phantoms. Query before it begins, and read the ' +
      'entities by id inside.',
  );
