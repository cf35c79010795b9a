import { type CollectionName, idFieldOf } from '../model/collections.ts';
import type { Entity, EntityInput, EntityOf } from '../model/entities.ts';
import { MAX_BATCH_ENTITIES, MAX_TRANSACTION_ENTITIES } from '../model/limits.ts';
import { checkEntity } from '../model/validation.ts';
import {
  ConcurrencyConflictError,
  EntityExistsError,
  ReferenceNotFoundError,
  StorageError,
  StorageUnavailableError,
  TransactionTooLargeError,
  UnsupportedOperationError,
  ValidationError,
} from './errors.ts';
import type { GuardedWrite, PutWrite } from './guarded-write.ts';
import { rejectionToError } from './rejections.ts';
import type { BatchGetResult, BatchSaveResult, NewEntity, Repository, Transaction } from './repository.ts';
import { type OperationSettings, requireCollection, requireId, SessionOperations } from './session-operations.ts';
import type { Capabilities, StorageStrategy, StoreSession } from './storage-strategy.ts';

/** The Repository on a store. */
export class StorageRepository extends SessionOperations implements Repository {
  readonly strategy: StorageStrategy;

  constructor(strategy: StorageStrategy, settings: OperationSettings = { enforceReferences: true }) {
    super(strategy, settings);
    this.strategy = strategy;
  }

  get capabilities(): Capabilities {
    return this.strategy.capabilities;
  }

  async getEntities<C extends CollectionName>(collection: C, ids: readonly string[]): Promise<BatchGetResult<C>> {
    requireCollection(collection);
    requireBatch('ids', ids);
    for (const id of ids) requireId(collection, id);
    const wanted = [...new Set(ids)];
    const found = await this.session.get(collection, wanted);
    return {
      items: found.filter((entity) => entity !== undefined) as EntityOf<C>[],
      missing: wanted.filter((_, i) => found[i] === undefined),
    };
  }

  async saveEntities<C extends CollectionName>(
    collection: C,
    entities: readonly EntityInput<C>[],
  ): Promise<BatchSaveResult<C>[]> {
    requireCollection(collection);
    requireBatch('entities', entities);
    requireDistinct(collection, entities);
    const checked = entities.map((entity) => checkEntity(collection, entity));
    const parents = await this.readDefaultParents(collection, checked);
    const results: BatchSaveResult<C>[] = [];
    const lists: { readonly at: number; readonly writes: GuardedWrite[] }[] = [];
    for (const [at, entity] of checked.entries()) {
      try {
        if (entity.problems.length > 0) throw new ValidationError(entity.problems);
        const { put } = this.complete(collection, entity, parents);
        lists.push({ at, writes: this.withParentChecks(put) });
      } catch (error) {
        results[at] = batchFailure(entity.fields[idFieldOf(collection)], error);
      }
    }
    const outcomes = lists.length === 0 ? [] : await this.strategy.writeEach(lists.map(({ writes }) => writes));
    for (const [i, { at, writes }] of lists.entries()) {
      const outcome = outcomes[i] as (typeof outcomes)[number];
      const { id } = writes[0] as GuardedWrite;
      results[at] =
        'error' in outcome
          ? batchFailure(id, rejectionToError(outcome.error, writes))
          : { status: 'saved', id, entity: outcome.entities[0] as EntityOf<C> };
    }
    return results;
  }

  async createTogether(entities: readonly NewEntity[]): Promise<EntityOf<CollectionName>[]> {
    const puts: PutWrite[] = [];
    const created = new Map<string, Entity>();
    const checks = new Map<string, GuardedWrite>();
    for (const { collection, entity } of entities) {
      requireCollection(collection);
      const checked = checkEntity(collection, entity);
      if (checked.problems.length > 0) throw new ValidationError(checked.problems);
      const parents = await this.readDefaultParents(collection, [checked], created);
      const { put } = this.complete(collection, checked, parents, 0);
      if (created.has(keyOf(put))) {
        const message = `names ${collection} ${JSON.stringify(put.id)} twice`;
        throw new ValidationError([{ path: 'entities', message }]);
      }
      const [, ...needed] = this.withParentChecks(put);
      for (const check of needed) if (!created.has(keyOf(check))) checks.set(keyOf(check), check);
      created.set(keyOf(put), put.fields as Entity);
      puts.push(put);
    }
    const writes = [...puts, ...checks.values()];
    try {
      const stored = await this.strategy.write(writes);
      return stored.slice(0, puts.length) as EntityOf<CollectionName>[];
    } catch (error) {
      throw rejectionToError(error, writes);
    }
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.strategy.transaction(async (session) => {
      const touched = new Set<string>();
      let open = true;
      const requireOpen = (): void => {
        if (open) return;
        throw new UnsupportedOperationError('The transaction has ended; use its tx only inside the callback.');
      };
      const tx = new SessionOperations(this.#guarded(session, requireOpen), this.settings, (collection, id) => {
        touched.add(keyOf({ collection, id }));
        if (touched.size > MAX_TRANSACTION_ENTITIES) throw new TransactionTooLargeError(MAX_TRANSACTION_ENTITIES);
      });
      try {
        return await work(tx);
      } finally {
        open = false;
      }
    });
  }

  async health(): Promise<void> {
    await this.strategy.health();
  }

  async close(): Promise<void> {
    await this.strategy.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A session that ends with its transaction, and refuses queries if the store cannot protect them. */
  #guarded(session: StoreSession, requireOpen: () => void): StoreSession {
    const requireQueries = (): void => {
      requireOpen();
      if (this.strategy.capabilities.queriesInTransactions) return;
      throw new UnsupportedOperationError(
        `The ${this.strategy.name} store cannot protect queries inside a transaction from phantoms. Query before it ` +
          'begins, and read the entities by id inside.',
      );
    };
    const guarded =
      <A extends unknown[], R>(guard: () => void, operation: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        guard();
        return operation(...args);
      };
    return {
      get: guarded(requireOpen, session.get.bind(session)),
      write: guarded(requireOpen, session.write.bind(session)),
      query: guarded(requireQueries, session.query.bind(session)),
      count: guarded(requireQueries, session.count.bind(session)),
    };
  }
}

const keyOf = ({ collection, id }: { collection: CollectionName; id: string }): string => `${collection}/${id}`;

function requireBatch(path: string, items: readonly unknown[]): void {
  if (!Array.isArray(items) || items.length === 0 || items.length > MAX_BATCH_ENTITIES) {
    throw new ValidationError([{ path, message: `must be a list of 1 to ${MAX_BATCH_ENTITIES}` }]);
  }
}

function requireDistinct(collection: CollectionName, entities: readonly unknown[]): void {
  const seen = new Map<unknown, number>();
  for (const [i, entity] of entities.entries()) {
    const id = (entity as Record<string, unknown> | null)?.[idFieldOf(collection)];
    if (typeof id !== 'string') continue;
    const first = seen.get(id);
    if (first !== undefined) {
      const message = `has the id of entities[${first}], ${JSON.stringify(id)}; an id may occur only once in a batch`;
      throw new ValidationError([{ path: `entities[${i}]`, message }]);
    }
    seen.set(id, i);
  }
}

function batchFailure(id: unknown, error: unknown): BatchSaveResult<never> {
  const known = typeof id === 'string' ? id : undefined;
  if (error instanceof ConcurrencyConflictError || error instanceof EntityExistsError) {
    return { status: 'conflict', id: known, error };
  }
  if (error instanceof ValidationError || error instanceof ReferenceNotFoundError) {
    return { status: 'invalid', id: known, error };
  }
  const failure =
    error instanceof StorageError
      ? error
      : new StorageUnavailableError('The entity could not be saved. Try again.', { cause: error });
  return { status: 'failed', id: known, error: failure };
}
