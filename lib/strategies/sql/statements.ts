import type { CollectionName } from '../../model/collections.ts';
import type { Dialect } from './dialect.ts';
import { QueryStatements } from './query-statements.ts';
import { quoted, tables } from './schema.ts';
import { WriteStatements } from './write-statements.ts';

/** The statements of every table in one dialect, made once. */
export class Statements {
  readonly dialect: Dialect;
  readonly #reading: ReadonlyMap<CollectionName, QueryStatements>;
  readonly #writing: ReadonlyMap<CollectionName, WriteStatements>;

  constructor(dialect: Dialect) {
    this.dialect = dialect;
    this.#reading = new Map(tables.map((table) => [table.name, new QueryStatements(dialect, table)]));
    this.#writing = new Map(tables.map((table) => [table.name, new WriteStatements(dialect, table)]));
  }

  reading(collection: CollectionName): QueryStatements {
    return this.#reading.get(collection) as QueryStatements;
  }

  writing(collection: CollectionName): WriteStatements {
    return this.#writing.get(collection) as WriteStatements;
  }
}

/** Fails if a table or a column is missing, and reads next to nothing otherwise. */
export const checkEveryTable = `SELECT ${tables
  .map(({ name, columns }) => {
    const all = columns.map((column) => quoted(column.name)).join(', ');
    return `(SELECT count(*) FROM (SELECT ${all} FROM ${quoted(name)} LIMIT 1) AS first)`;
  })
  .join(', ')}`;
