/** The syntax in which the two databases differ. */

import type { Column } from './schema.ts';
import type { RowsColumn, SqlParameter } from './sql-session.ts';

export interface Dialect {
  readonly name: 'sqlite' | 'postgresql';
  /** The n-th parameter of a statement, from 1. */
  parameter(n: number): string;
  /** A column's type in CREATE TABLE. */
  columnType(column: Column): string;
  /** The current time, as the default of a column. */
  readonly now: string;
  /** The rows of values for a statement for many rows, as a table `input`. */
  inputRows(columns: readonly RowsColumn[]): string;
  /** One row of values as a table `input`. */
  inputRow(columns: readonly RowsColumn[]): string;
  /** Whether absent values come first in an order that does not specify it. */
  nullsFirst(descending: boolean): boolean;
  /** A parameter compared with an integer column: it may exceed the range of the column. */
  integer(parameter: string): string;
  /** `column` differs from `parameter`, or is absent. */
  differs(column: string, parameter: string): string;
  /** `column` is one of the values of a list. */
  anyOf(column: string, parameter: string, kind: Column['kind']): string;
  /** A list in the form that `anyOf` takes. */
  list(values: readonly string[] | readonly number[]): SqlParameter;
  beginsWith(column: string, parameter: string, kind: Column['kind']): string;
  /** A number from 0 to `segments` - 1, always the same for an id. */
  segment(id: string, segments: string): string;
}
