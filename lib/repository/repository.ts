/** The interface that every program uses, on any store. */
import type { CollectionName } from '../model/collections.ts';
import type { EntityChanges, EntityInput, EntityOf } from '../model/entities.ts';
import type { StorageError } from './errors.ts';
import type { Expectation } from './guarded-write.ts';
import type { CountOptions, QueryOptions } from './query.ts';
import type { Capabilities, Explanation } from './storage-strategy.ts';

export interface WriteOptions {
  /** The version that the entity must have: 0 if it must not exist, 'exists' for any. A `version` in the entity means the same. */
  readonly expectedVersion?: Expectation;
}

export interface QueryResult<C extends CollectionName> {
  readonly items: EntityOf<C>[];
  /** Present if more entities follow. */
  readonly nextCursor?: string;
  /** Present if the query requested it with `explain`. */
  readonly explanation?: Explanation;
}

export interface CountResult {
  readonly count: number;
  /** Count by value of the `groupBy` field, in the order of the values; entities without the field are in no group. */
  readonly groups?: Readonly<Record<string, number>>;
}

export interface BatchGetResult<C extends CollectionName> {
  /** The entities found, in the order of their ids. */
  readonly items: EntityOf<C>[];
  readonly missing: string[];
}

/** The outcome for one entity of a batch. */
export type BatchSaveResult<C extends CollectionName> =
  | { readonly status: 'saved'; readonly id: string; readonly entity: EntityOf<C> }
  | {
      readonly status: 'conflict' | 'invalid' | 'failed';
      readonly id: string | undefined;
      readonly error: StorageError;
    };

/** Operations on single entities, and queries: on the store itself, or inside a transaction. */
export interface Transaction {
  /**
   * Creates the entity, or replaces it completely.
   * @returns the entity as stored
   * @throws ValidationError, ReferenceNotFoundError, EntityExistsError (expected version 0), ConcurrencyConflictError
   */
  saveEntity<C extends CollectionName>(
    collection: C,
    entity: EntityInput<C>,
    options?: WriteOptions,
  ): Promise<EntityOf<C>>;
  getEntity<C extends CollectionName>(collection: C, id: string): Promise<EntityOf<C> | undefined>;
  /**
   * Replaces top-level fields; null removes a field.
   * @returns the entity as stored
   * @throws EntityNotFoundError, ValidationError, ReferenceNotFoundError, ConcurrencyConflictError
   */
  updateEntity<C extends CollectionName>(
    collection: C,
    id: string,
    changes: EntityChanges<C>,
    options?: WriteOptions,
  ): Promise<EntityOf<C>>;
  /** @throws EntityNotFoundError, EntityInUseError, ConcurrencyConflictError */
  deleteEntity(collection: CollectionName, id: string, options?: WriteOptions): Promise<void>;
  /** @throws ValidationError naming the filters and orders that cannot be used */
  queryEntities<C extends CollectionName>(collection: C, options?: QueryOptions): Promise<QueryResult<C>>;
  countEntities(collection: CollectionName, options?: CountOptions): Promise<CountResult>;
  /**
   * Fails unless the entity has the expected version (default: exists) when the transaction commits.
   * @throws EntityNotFoundError, EntityExistsError, ConcurrencyConflictError
   */
  checkEntity(collection: CollectionName, id: string, options?: WriteOptions): Promise<void>;
}

/** An entity to create together with others. */
export type NewEntity = {
  [C in CollectionName]: { readonly collection: C; readonly entity: EntityInput<C> };
}[CollectionName];

export interface Repository extends Transaction {
  readonly capabilities: Capabilities;
  /** Up to 1,000 ids; an entity whose id is given twice is returned once. */
  getEntities<C extends CollectionName>(collection: C, ids: readonly string[]): Promise<BatchGetResult<C>>;
  /**
   * Saves up to 1,000 entities, each on its own, and returns the outcome of each, in order.
   * @throws ValidationError if an id occurs twice
   */
  saveEntities<C extends CollectionName>(
    collection: C,
    entities: readonly EntityInput<C>[],
  ): Promise<BatchSaveResult<C>[]>;
  /**
   * Creates all entities or none, however many; parents come before their children. None of them may exist.
   * @throws ValidationError, EntityExistsError, ReferenceNotFoundError
   */
  createTogether(entities: readonly NewEntity[]): Promise<EntityOf<CollectionName>[]>;
  /**
   * Commits the writes of `work` when it returns; rolls back if it throws. Serializable; at most 100 entities. `work` may
   * run more than once, so it should have effects only on `tx`.
   * @throws TransactionTooLargeError and whatever `work` throws
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** @throws StorageUnavailableError or StorageDamagedError if the store cannot be used now */
  health(): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
