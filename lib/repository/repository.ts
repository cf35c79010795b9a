/** The interface every program uses, on whichever store. */
import type { CollectionName } from '../model/collections.ts';
import type { EntityChanges, EntityInput, EntityOf } from '../model/entities.ts';
import type { StorageError } from './errors.ts';
import type { Expectation } from './guarded-write.ts';
import type { CountOptions, QueryOptions } from './query.ts';
import type { Capabilities, Explanation } from './storage-strategy.ts';

export interface WriteOptions {
  /** The version the entity must have: 0 where it must not exist, 'exists' for any. A `version` in the entity asks the same. */
  readonly expectedVersion?: Expectation;
}

export interface QueryResult<C extends CollectionName> {
  readonly items: EntityOf<C>[];
  /** Present where more follows. */
  readonly nextCursor?: string;
  /** Present where the query asked for it with `explain`. */
  readonly explanation?: Explanation;
}

export interface CountResult {
  readonly count: number;
  /** Entities by value of the `groupBy` field, in the order of the values; those without the field are in none. */
  readonly groups?: Readonly<Record<string, number>>;
}

export interface BatchGetResult<C extends CollectionName> {
  /** The entities found, in the order of their ids. */
  readonly items: EntityOf<C>[];
  readonly missing: string[];
}

/** What became of one entity of a batch. */
export type BatchSaveResult<C extends CollectionName> =
  | { readonly status: 'saved'; readonly id: string; readonly entity: EntityOf<C> }
  | {
      readonly status: 'conflict' | 'invalid' | 'failed';
      readonly id: string | undefined;
      readonly error: StorageError;
    };

/** Operations on single entities and queries: on the store itself, or inside a transaction. */
export interface Transaction {
  /**
   * Creates the entity, or replaces all of it.
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
  /** @throws ValidationError naming what cannot be filtered or ordered by */
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
  /** Up to 1,000 ids; one that comes twice is returned once. */
  getEntities<C extends CollectionName>(collection: C, ids: readonly string[]): Promise<BatchGetResult<C>>;
  /**
   * Saves up to 1,000 entities, each on its own, and says of each what became of it, in order.
   * @throws ValidationError where an id comes twice
   */
  saveEntities<C extends CollectionName>(
    collection: C,
    entities: readonly EntityInput<C>[],
  ): Promise<BatchSaveResult<C>[]>;
  /**
   * Creates all entities or none, however many; parents come before their children. None may exist.
   * @throws ValidationError, EntityExistsError, ReferenceNotFoundError
   */
  createTogether(entities: readonly NewEntity[]): Promise<EntityOf<CollectionName>[]>;
  /**
   * Commits what `work` did when it returns; rolls back when it throws. Serializable; at most 100 entities. `work` may
   * run more than once, so its effects should be on `tx` alone.
   * @throws TransactionTooLargeError and whatever `work` throws
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** @throws StorageUnavailableError or StorageDamagedError where the store cannot be used now */
  health(): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
