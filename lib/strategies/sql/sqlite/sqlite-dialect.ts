import type { Dialect } from '../dialect.ts';
import { quoted } from '../schema.ts';

const types = { text: 'VARCHAR', integer: 'INTEGER', timestamp: 'TIMESTAMP', json: 'TEXT' } as const;

/** SQLite compares text by its UTF-8 bytes. */
export const sqliteDialect: Dialect = {
  name: 'sqlite',
  parameter: (n) => `?${n}`,
  columnType: ({ kind, maxLength }) => (maxLength === undefined ? types[kind] : `${types[kind]}(${maxLength})`),
  now: "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
  inputRow: (columns) => `(SELECT ${columns.map(({ name }, i) => `?${i + 1} AS ${quoted(name)}`).join(', ')}) AS input`,
  inputRows(columns) {
    return this.inputRow(columns);
  },
  nullsFirst: (descending) => !descending,
  integer: (parameter) => parameter,
  differs: (column, parameter) => `${column} IS NOT ${parameter}`,
  anyOf: (column, parameter) => `${column} IN (SELECT value FROM json_each(${parameter}))`,
  list: (values) => JSON.stringify(values),
  beginsWith: (column, parameter) => `substr(${column}, 1, length(${parameter})) = ${parameter}`,
  segment: (id, segments) => `hash_of(${id}) % ${segments}`,
};
