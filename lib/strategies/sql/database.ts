/** What the store requires of a database. Two drivers implement it: `sqlite/` and `postgresql/`. */
import type { Dialect } from './dialect.ts';
import type { SchemaDialect } from './schema-migrations.ts';
import type { SqlSession } from './sql-session.ts';

/**
 * Thrown by a driver if a statement lost a race against another writer, or broke a constraint that held a moment ago.
 * Nothing of its transaction was stored; a retry sees what the other writer has committed.
 */
export class LostRace extends Error {
  /** 'constraint' if a foreign key or a primary key refused the write: it may refuse it again. */
  readonly kind: 'serialization' | 'constraint';

  constructor(kind: LostRace['kind'], cause: unknown) {
    super(kind, { cause });
    this.kind = kind;
  }
}

/**
 * How a transaction is isolated from others. 'serializable': everything it read still holds when it commits. 'locks': it
 * waits for the rows it locks, and then sees what others have committed.
 */
export type Isolation = 'serializable' | 'locks';

export interface SnapshotSession {
  readonly session: SqlSession;
  release(): Promise<void>;
}

/** A database. All methods throw the errors of `repository/errors.ts`; writes also throw `LostRace`. */
export interface SqlDatabase {
  readonly dialect: Dialect;
  readonly schema: SchemaDialect;
  /** Reads: retried on another connection if one was lost. */
  readonly reading: SqlSession;
  /** Writes, each statement on its own, committed when it returns. */
  readonly writing: SqlSession;
  /**
   * Runs `work` and commits. Repeated from the beginning if it lost a race, or lost its connection before the commit.
   * @throws StorageUnavailableError if it keeps losing, or if it is unknown whether it committed
   */
  transaction<T>(isolation: Isolation, work: (session: SqlSession) => Promise<T>): Promise<T>;
  /** A session whose reads all see the current state of the database, until it is released. */
  snapshot(): Promise<SnapshotSession>;
  /** Checks that the database answers and has our tables. */
  ping(): Promise<void>;
  /** The number of the last schema migration that was applied; 0 if none was. */
  lastMigration(): Promise<number>;
  /** Waits for running calls, and releases files and connections. */
  close(): Promise<void>;
}
