/** The port: what a store must be able to do. Policy (validation, defaults, references) is the Repository's. */
import type { CollectionName } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import type { Problem } from '../model/json-values.ts';
import type { GuardedWrite, LoadOver, WriteRejected } from './guarded-write.ts';
import type { Predicate, Query } from './query.ts';

/** What a store can do, as data. A behaviour that is missing here is the same on every store. */
export interface Capabilities {
  /** Whether queries and counts inside a transaction are protected from phantoms; if not, they are refused. */
  readonly queriesInTransactions: boolean;
  /** Most writes that one atomic list may hold. */
  readonly maxAtomicWrites: number;
  /** Whether `load` takes records that break the model's rules or whose parents are missing; if not, it refuses them. */
  readonly loadsInvalidRecords: boolean;
  /** Whether a read of several entities, and a snapshot, sees all of them as they were at one moment. */
  readonly snapshotReads: boolean;
  /** Whether segments of a scan are quicker when they are read at the same time. */
  readonly parallelScans: boolean;
  /** Whether a parent is kept from deletion by a child that is created at the same moment. */
  readonly protectsParents: boolean;
  /** For how many milliseconds a query or count may miss what another process has committed. */
  readonly queryStaleness: number;
}

/** How a query was answered. */
export interface Explanation {
  /** The index that was used, 'id' for the primary key, or 'scan' where every entity was looked at. */
  readonly index: string;
  /** Entities looked at. */
  readonly read: number;
  /** What that cost, where the store bills it: read units of DynamoDB. */
  readonly readUnits?: number;
}

export interface Page {
  readonly items: Entity[];
  /** Whether entities follow the last item. */
  readonly more: boolean;
  /** Present where the query asked for it. */
  readonly explanation?: Explanation;
}

export interface Count {
  readonly count: number;
  /** Entities by value of the group's field; entities without the field are in `count` only. */
  readonly groups?: ReadonlyMap<string, number>;
}

/** Reads and writes: of the store itself, or inside one transaction. */
export interface StoreSession {
  /** The entities of these ids, in their order; undefined where there is none. Callers own what they get. */
  get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]>;
  query(collection: CollectionName, query: Query): Promise<Page>;
  count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Promise<Count>;
  /**
   * Commits all writes or none. No entity is written twice in one list.
   * @returns what each put and patch left behind, undefined for deletes and checks
   * @throws WriteRejected where a guard does not hold
   * @throws StorageUnavailableError where the store cannot commit now
   */
  write(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]>;
}

/** Outcome of one of several independent atomic lists. */
export type WriteOutcome = { readonly entities: (Entity | undefined)[] } | { readonly error: WriteRejected | Error };

export interface ScanOptions {
  /** This segment of `segments`, from 0. Together the segments hold every entity once. */
  readonly segment: number;
  readonly segments: number;
  readonly limit: number;
  /** `cursor` of the page before. */
  readonly cursor?: string | undefined;
}

export interface ScanPage {
  readonly items: Entity[];
  /** Absent where the segment has ended. */
  readonly cursor?: string;
}

/** Reads every entity as stored, invalid records included. */
export interface Scanner {
  /** Reads a segment of a collection. Stable under writes: an entity that stays is met exactly once. */
  scan(collection: CollectionName, options: ScanOptions): Promise<ScanPage>;
}

/** All entities as they were at one moment, whatever is written meanwhile. To be disposed of soon: it holds resources. */
export interface Snapshot extends Scanner, AsyncDisposable {}

/** A column that the model does not declare: no read or scan of the store returns it, and no write sets it. */
export interface UndeclaredColumn {
  readonly table: string;
  readonly column: string;
  /** Whether it takes no NULL and has no default, so that no entity can be added. */
  readonly required: boolean;
}

export interface LoadOptions {
  /** 'older' where left out. */
  readonly over?: LoadOver;
}

export interface StorageStrategy extends StoreSession, Scanner {
  /** Such as 'json'. */
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Commits several atomic lists, each on its own, as few round trips as the store can. Outcomes in their order. */
  writeEach(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]>;
  /**
   * Runs `work` serializably and commits what it wrote when it returns; a throw rolls back. `work` may run several
   * times where the store retries conflicts.
   */
  transaction<T>(work: (session: StoreSession) => Promise<T>): Promise<T>;
  /** @throws UnsupportedOperationError where the store cannot show one moment (`snapshotReads`) */
  snapshot(): Promise<Snapshot>;
  /** Why `load` would refuse an entity, whatever else is in the store; empty where it would not. */
  loadProblems(collection: CollectionName, entity: Entity): readonly Problem[];
  /**
   * Stores entities verbatim, versions and timestamps included, but over nothing that `over` does not allow.
   * @returns how many were stored; repeating the call is harmless
   * @throws ValidationError or ReferenceNotFoundError where the store cannot hold one of them (`loadsInvalidRecords`);
   *   nothing is stored then
   */
  load(collection: CollectionName, entities: readonly Entity[], options?: LoadOptions): Promise<number>;
  /** What the store holds beside the fields of its entities. Absent where every field of a record is one of the entity. */
  undeclaredColumns?(): Promise<readonly UndeclaredColumn[]>;
  /**
   * Proves that the store can be read now.
   * @throws StorageUnavailableError or StorageDamagedError where it cannot
   */
  health(): Promise<void>;
  /** Finishes pending work and lets go of files and connections. */
  close(): Promise<void>;
}
