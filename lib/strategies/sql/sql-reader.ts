import type { CollectionName } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import { idOf } from '../../repository/guarded-write.ts';
import type { Predicate, Query } from '../../repository/query.ts';
import type { Count, Page, ScanOptions, ScanPage } from '../../repository/storage-strategy.ts';
import { explain } from './explain.ts';
import { decodeRow } from './row-codec.ts';
import { tableFor } from './schema.ts';
import type { Row, SqlSession } from './sql-session.ts';
import type { Statements } from './statements.ts';

/** Reads entities: on the database itself, or inside a transaction. */
export class SqlReader {
  readonly #session: SqlSession;
  readonly #statements: Statements;

  constructor(session: SqlSession, statements: Statements) {
    this.#session = session;
    this.#statements = statements;
  }

  /** The entities with these ids, in the same order, all read at one moment. */
  async get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    const table = tableFor(collection);
    const { one, many } = this.#statements.reading(collection);
    if (ids.length === 1) {
      const [row] = await this.#session.run(one, [ids[0] as string]);
      return [row === undefined ? undefined : decodeRow(table, row)];
    }
    const rows = await this.#session.run(many, [this.#statements.dialect.list(ids)]);
    const found = new Map(rows.map((row) => [row[0], decodeRow(table, row)]));
    return ids.map((id) => found.get(id));
  }

  async query(collection: CollectionName, query: Query): Promise<Page> {
    const { text, values } = this.#statements.reading(collection).page(query);
    const rows = await this.#session.run(text, values);
    const page = decodePage(collection, rows, query.limit);
    if (!query.explain) return page;
    return { ...page, explanation: await explain(this.#session, this.#statements, collection, query) };
  }

  async count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Promise<Count> {
    const { text, values } = this.#statements.reading(collection).count(predicates, groupBy);
    const rows = await this.#session.run(text, values);
    if (groupBy === undefined) return { count: Number(rows[0]?.[0] ?? 0) };
    const groups = new Map<string, number>();
    let count = 0;
    for (const [entities, value] of rows) {
      count += Number(entities);
      if (value !== null) groups.set(String(value), Number(entities));
    }
    return { count, groups };
  }

  async scan(collection: CollectionName, { segment, segments, limit, cursor }: ScanOptions): Promise<ScanPage> {
    const { text, values } = this.#statements.reading(collection).segment(segment, segments, limit, cursor);
    const { items, more } = decodePage(collection, await this.#session.run(text, values), limit);
    const last = items.at(-1);
    return more && last !== undefined ? { items, cursor: idOf(collection, last) } : { items };
  }

  /** Ids of entities whose `field` refers to `id`, at most `limit`. */
  async referring(collection: CollectionName, field: string, id: string, limit: number): Promise<string[]> {
    const { text, values } = this.#statements.reading(collection).referring(field, id, limit);
    return (await this.#session.run(text, values)).map(([child]) => child as string);
  }
}

/** The page in these rows; one row more than `limit` means that more follow. */
function decodePage(collection: CollectionName, rows: readonly Row[], limit: number): Page {
  const table = tableFor(collection);
  const items: Entity[] = [];
  for (let i = 0; i < rows.length && i < limit; i++) items.push(decodeRow(table, rows[i] as Row));
  return { items, more: rows.length > limit };
}
