/** What the store needs of a database: two drivers implement it, `sqlite/` and `postgresql/`. */
import type { Dialect } from './dialect.ts';
import type { SchemaDialect } from './schema-migrations.ts';
import type { SqlSession } from './sql-session.ts';

/**
 * Thrown by a driver where a statement lost a race against another writer, or broke a constraint that had held a moment
 * ago. Nothing of its transaction was stored; run again, it sees what the other has written.
 */
export class LostRace extends Error {
  /** 'constraint' where a foreign key or a primary key said no: it may say so again. */
  readonly kind: 'serialization' | 'constraint';

  constructor(kind: LostRace['kind'], cause: unknown) {
    super(kind, { cause });
    this.kind = kind;
  }
}

/**
 * How a transaction keeps others out. 'serializable': whatever it read still holds when it commits. 'locks': it waits for
 * the rows it locks, and sees what others have committed when it gets them.
 */
export type Isolation = 'serializable' | 'locks';

export interface SnapshotSession {
  readonly session: SqlSession;
  release(): Promise<void>;
}

/**
 * A database. All methods throw the errors of `repository/errors.ts`; writes throw `LostRace` besides.
 */
export interface SqlDatabase {
  readonly dialect: Dialect;
  readonly schema: SchemaDialect;
  /** Reads: run again on another connection where one was lost. */
  readonly reading: SqlSession;
  /** Writes, each statement on its own, committed when it returns. */
  readonly writing: SqlSession;
  /**
   * Runs `work` and commits. Run again, from the beginning, where it lost a race or its connection was lost before the
   * commit.
   * @throws StorageUnavailableError where it keeps losing, or where nobody can tell whether it committed
   */
  transaction<T>(isolation: Isolation, work: (session: SqlSession) => Promise<T>): Promise<T>;
  /** Reads that see the database as it is now, until they are released. */
  snapshot(): Promise<SnapshotSession>;
  /** Proves that the database answers, and has our tables. */
  ping(): Promise<void>;
  /** The number of the last schema migration that was applied; 0 where none was. */
  lastMigration(): Promise<number>;
  /** Waits for what is under way and lets go of files and connections. */
  close(): Promise<void>;
}
