/** How the two databases say the same thing. */

import type { Column } from './schema.ts';
import type { RowsColumn, SqlParameter } from './sql-session.ts';

export interface Dialect {
  readonly name: 'sqlite' | 'postgresql';
  /** The n-th parameter of a statement, from 1. */
  parameter(n: number): string;
  /** A column's type in CREATE TABLE. */
  columnType(column: Column): string;
  /** Value of a column that is left out. */
  readonly now: string;
  /** The rows of values that a statement for many rows takes, as a table `input`. */
  inputRows(columns: readonly RowsColumn[]): string;
  /** One row of values as a table `input`. */
  inputRow(columns: readonly RowsColumn[]): string;
  /** Whether absent values come first in an order that does not say where they go. */
  nullsFirst(descending: boolean): boolean;
  /** A parameter that is compared with an integer column: it may be larger than the column can hold. */
  integer(parameter: string): string;
  /** `column` differs from `parameter`, or is absent. */
  differs(column: string, parameter: string): string;
  /** `column` is one of the values of a list. */
  anyOf(column: string, parameter: string, kind: Column['kind']): string;
  /** A list as `anyOf` takes it. */
  list(values: readonly string[] | readonly number[]): SqlParameter;
  beginsWith(column: string, parameter: string, kind: Column['kind']): string;
  /** A number from 0 to `segments` - 1 that follows from the id, always the same. */
  segment(id: string, segments: string): string;
}
