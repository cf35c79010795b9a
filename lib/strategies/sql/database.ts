/** What the store needs of a database: two drivers implement it, `sqlite/` and `postgresql/`. */
import type { Dialect } from './dialect.ts';
import type { SchemaDialect } from './schema-migrations.ts';

export type SqlValue = string | number | null;

/** The values of a row, in the order of the columns selected. */
export type Row = readonly SqlValue[];

/** A row with its columns by name. */
export type NamedRow = Readonly<Record<string, SqlValue>>;

/** A statement that runs for rows of values: one at a time, or many in one call where the database can. */
export interface RowsStatement {
  /** For one row: its values are the parameters. */
  readonly forOne: string;
  /** For many rows: the parameters are lists, one for each column. */
  readonly forMany: string;
  /** The columns of each row of values, in order. */
  readonly columns: readonly RowsColumn[];
}

/** A column of the values that a `RowsStatement` takes. */
export interface RowsColumn {
  readonly name: string;
  readonly kind: 'text' | 'integer' | 'timestamp' | 'json';
}

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

/** Rows of one call. */
export const MAX_ROWS = 1000;

/** Runs statements: of the database itself, or inside one transaction. */
export interface SqlSession {
  /** Runs one statement and returns its rows. */
  run(text: string, values?: readonly SqlParameter[]): Promise<Row[]>;
  /** Runs a statement that is not one of ours, and returns its rows with their columns by name. */
  runNamed(text: string, values: readonly SqlParameter[]): Promise<NamedRow[]>;
  /**
   * Runs a statement for each row of values, in as few calls as the database can, and returns all their rows. Outside of
   * a transaction each call commits on its own: up to `MAX_ROWS` rows are stored together or not at all.
   */
  runRows(statement: RowsStatement, rows: readonly Row[]): Promise<Row[]>;
}

/** PostgreSQL takes lists as arrays; SQLite gets them as JSON text, which the dialect sees to. */
export type SqlParameter = SqlValue | readonly string[] | readonly number[];

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
