import type { Dialect } from '../dialect.ts';
import { type ColumnKind, quoted } from '../schema.ts';

const types = { text: 'text', integer: 'integer', timestamp: 'timestamp', json: 'text' } as const;
/** Types that can hold every value that a caller may compare a column with. */
const comparedAs = { ...types, integer: 'bigint' } as const;

const ISO = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

/** A column in the text form that entities use. */
const asText = (column: string, kind: ColumnKind): string =>
  kind === 'timestamp' ? `to_char(${column}, ${ISO})` : column;

/** Text compares by its UTF-8 bytes, since its columns have the collation "C". */
export const postgresqlDialect: Dialect = {
  name: 'postgresql',
  parameter: (n) => `$${n}`,
  columnType: ({ kind, maxLength }) => {
    if (kind === 'integer') return 'INTEGER';
    if (kind === 'timestamp') return 'TIMESTAMP(3)';
    return `${maxLength === undefined ? 'TEXT' : `VARCHAR(${maxLength})`} COLLATE "C"`;
  },
  now: "(now() AT TIME ZONE 'UTC')",
  inputRow: (columns) =>
    `(SELECT ${columns.map(({ name, kind }, i) => `$${i + 1}::${types[kind]} AS ${quoted(name)}`).join(', ')}) AS input`,
  inputRows: (columns) =>
    `unnest(${columns.map(({ kind }, i) => `$${i + 1}::${types[kind]}[]`).join(', ')}) AS input(${columns
      .map(({ name }) => quoted(name))
      .join(', ')})`,
  nullsFirst: (descending) => descending,
  integer: (parameter) => `${parameter}::bigint`,
  differs: (column, parameter) => `${column} IS DISTINCT FROM ${parameter}`,
  anyOf: (column, parameter, kind) => `${column} = ANY(${parameter}::${comparedAs[kind]}[])`,
  list: (values) => values,
  beginsWith: (column, parameter, kind) => `starts_with(${asText(column, kind)}, ${parameter})`,
  // hashtext is undocumented, but unlike md5 it costs next to nothing, and it has never changed.
  segment: (id, segments) => `abs(hashtext(${id}::text)::bigint) % ${segments}`,
};
