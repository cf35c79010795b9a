/** The port that every store implements. The Repository handles policy (validation, defaults, references). */
import type { CollectionName } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import type { Problem } from '../model/json-values.ts';
import type { GuardedWrite, LoadOver, WriteRejected } from './guarded-write.ts';
import type { Predicate, Query } from './query.ts';

/** The capabilities of a store, as data. Behaviour that is not listed here is the same on every store. */
export interface Capabilities {
  /** Whether queries and counts inside a transaction are protected from phantoms; if not, they are refused. */
  readonly queriesInTransactions: boolean;
  /** Maximum number of writes in one atomic list. */
  readonly maxAtomicWrites: number;
  /** Whether `load` accepts records that break the model's rules or whose parents are missing; if not, it refuses them. */
  readonly loadsInvalidRecords: boolean;
  /** Whether a read of several entities sees all of them at one moment, and `snapshot` is available. */
  readonly snapshotReads: boolean;
  /** Whether it is faster to read the segments of a scan in parallel. */
  readonly parallelScans: boolean;
  /** Whether a parent cannot be deleted while a child is being created concurrently. */
  readonly protectsParents: boolean;
  /** How long a query or count may miss the commits of another process, in milliseconds. */
  readonly queryStaleness: number;
}

/** How a query was answered. */
export interface Explanation {
  /** The index that was used, 'id' for the primary key, or 'scan' if every entity was read. */
  readonly index: string;
  /** Number of entities read. */
  readonly read: number;
  /** The cost, if the store bills it: read units of DynamoDB. */
  readonly readUnits?: number;
}

export interface Page {
  readonly items: Entity[];
  /** Whether entities follow the last item. */
  readonly more: boolean;
  /** Present if the query requested it. */
  readonly explanation?: Explanation;
}

export interface Count {
  readonly count: number;
  /** Count by value of the group field; entities without the field are only in `count`. */
  readonly groups?: ReadonlyMap<string, number>;
}

/** Reads and writes: on the store itself, or inside one transaction. */
export interface StoreSession {
  /** The entities with these ids, in the same order; undefined if there is none. Callers own the returned objects. */
  get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]>;
  query(collection: CollectionName, query: Query): Promise<Page>;
  count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Promise<Count>;
  /**
   * Commits all writes or none. No entity is written twice in one list.
   * @returns the resulting entity of each put and patch, undefined for deletes and checks
   * @throws WriteRejected if a guard does not hold
   * @throws StorageUnavailableError if the store cannot commit now
   */
  write(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]>;
}

/** Outcome of one of several independent atomic lists. */
export type WriteOutcome = { readonly entities: (Entity | undefined)[] } | { readonly error: WriteRejected | Error };

export interface ScanOptions {
  /** The segment to read out of `segments`, from 0. Together the segments hold every entity once. */
  readonly segment: number;
  readonly segments: number;
  readonly limit: number;
  /** `cursor` of the previous page. */
  readonly cursor?: string | undefined;
}

export interface ScanPage {
  readonly items: Entity[];
  /** Absent at the end of the segment. */
  readonly cursor?: string;
}

/** Reads every entity as stored, including invalid records. */
export interface Scanner {
  /** Reads a segment of a collection. Stable under writes: an entity that stays is returned exactly once. */
  scan(collection: CollectionName, options: ScanOptions): Promise<ScanPage>;
}

/** All entities at one moment, regardless of later writes. Dispose of it soon: it holds resources. */
export interface Snapshot extends Scanner, AsyncDisposable {}

/** A column that the model does not declare: no read or scan of the store returns it, and no write sets it. */
export interface UndeclaredColumn {
  readonly table: string;
  readonly column: string;
  /** Whether it is NOT NULL and has no default, so that no entity can be added. */
  readonly required: boolean;
}

export interface LoadOptions {
  /** Default: 'older'. */
  readonly over?: LoadOver;
}

export interface StorageStrategy extends StoreSession, Scanner {
  /** Such as 'json'. */
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Commits several atomic lists, each on its own, in as few round trips as possible. The outcomes are in the same order. */
  writeEach(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]>;
  /**
   * Runs `work` serializably and commits its writes when it returns; rolls back if it throws. `work` may run several
   * times if the store retries conflicts.
   */
  transaction<T>(work: (session: StoreSession) => Promise<T>): Promise<T>;
  /** @throws UnsupportedOperationError if the store has no snapshots (`snapshotReads`) */
  snapshot(): Promise<Snapshot>;
  /** Why `load` would refuse an entity, regardless of the content of the store; empty if it would not. */
  loadProblems(collection: CollectionName, entity: Entity): readonly Problem[];
  /**
   * Stores entities verbatim, including versions and timestamps, but only over what `over` allows.
   * @returns how many were stored; repeating the call is harmless
   * @throws ValidationError or ReferenceNotFoundError if the store cannot hold one of them (`loadsInvalidRecords`);
   *   nothing is stored then
   */
  load(collection: CollectionName, entities: readonly Entity[], options?: LoadOptions): Promise<number>;
  /** The columns of the store that are not fields of entities. Not implemented if every field of a record is one of the entity. */
  undeclaredColumns?(): Promise<readonly UndeclaredColumn[]>;
  /**
   * Checks that the store can be read now.
   * @throws StorageUnavailableError or StorageDamagedError if it cannot
   */
  health(): Promise<void>;
  /** Finishes pending work, and releases files and connections. */
  close(): Promise<void>;
}
