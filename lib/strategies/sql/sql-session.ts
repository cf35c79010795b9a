/** Statements, their values and rows, on the database itself or inside one transaction. */

export type SqlValue = string | number | null;

/** The values of a row, in the order of the columns selected. */
export type Row = readonly SqlValue[];

/** A row with its columns by name. */
export type NamedRow = Readonly<Record<string, SqlValue>>;

/** A statement that runs for rows of values: one at a time, or many in one call if the database supports it. */
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

/** Maximum rows of one call. */
export const MAX_ROWS = 1000;

/** Runs statements: of the database itself, or inside one transaction. */
export interface SqlSession {
  /** Runs one statement and returns its rows. */
  run(text: string, values?: readonly SqlParameter[]): Promise<Row[]>;
  /** Runs a statement that is not one of ours, and returns its rows with their columns by name. */
  runNamed(text: string, values: readonly SqlParameter[]): Promise<NamedRow[]>;
  /**
   * Runs a statement for each row of values, in as few calls as the database allows, and returns all their rows. Outside
   * a transaction each call commits on its own: up to `MAX_ROWS` rows are stored together or not at all.
   */
  runRows(statement: RowsStatement, rows: readonly Row[]): Promise<Row[]>;
}

/** PostgreSQL takes lists as arrays; for SQLite the dialect turns them into JSON text. */
export type SqlParameter = SqlValue | readonly string[] | readonly number[];
