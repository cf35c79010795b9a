import type { CollectionName, Reference } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import { cloneJson } from '../../model/json-values.ts';
import { type GuardedWrite, idOf, versionOf, WriteRejected } from '../../repository/guarded-write.ts';
import { copyOf, PendingWrites } from '../../repository/pending-writes.ts';
import type { Predicate, Query } from '../../repository/query.ts';
import type { Count, Page, StoreSession, WriteOutcome } from '../../repository/storage-strategy.ts';
import { LostRace } from './database.ts';
import { encodeRow } from './row-codec.ts';
import { tables } from './schema.ts';
import { SqlReader } from './sql-reader.ts';
import type { Row, RowsStatement, SqlSession, SqlValue } from './sql-session.ts';
import type { Statements } from './statements.ts';

/**
 * The reads and writes of one transaction. Guards are decided here, by the rules that all stores share, on the rows read
 * from the database; the writes are buffered here and sent in few statements, before a query and at the end. So a refused
 * write leaves the transaction intact, while a statement that fails on PostgreSQL would abort it.
 */
export class UnitOfWork implements StoreSession {
  readonly #session: SqlSession;
  readonly #reader: SqlReader;
  readonly #statements: Statements;
  /** Whether entities that must be new are assumed to be new until the database says otherwise. */
  readonly #assumeNew: boolean;
  readonly #pending = new PendingWrites();
  #tail: Promise<unknown> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(session: SqlSession, statements: Statements, { assumeNew = false }: { assumeNew?: boolean } = {}) {
    this.#session = session;
    this.#reader = new SqlReader(session, statements);
    this.#statements = statements;
    this.#assumeNew = assumeNew;
  }

  get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    return this.#inTurn(async () => {
      await this.#read(collection, ids);
      return ids.map((id) => copyOf(this.#pending.current(collection, id)));
    });
  }

  query(collection: CollectionName, query: Query): Promise<Page> {
    return this.#inTurn(async () => {
      await this.#flush();
      const page = await this.#reader.query(collection, query);
      for (const item of page.items) {
        const id = idOf(collection, item);
        if (!this.#pending.of(collection).has(id)) this.#pending.setStored(collection, id, cloneJson(item));
      }
      return page;
    });
  }

  count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Promise<Count> {
    return this.#inTurn(async () => {
      await this.#flush();
      return this.#reader.count(collection, predicates, groupBy);
    });
  }

  write(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    return this.#inTurn(async () => {
      await this.#readTargets(writes);
      return (await this.#decide(writes)).map(copyOf);
    });
  }

  /** Decides several lists, each on its own, and sends them. The outcomes are final once the transaction has committed. */
  writeEach(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    return this.#inTurn(async () => {
      await this.#readTargets(lists.flat());
      const outcomes: WriteOutcome[] = [];
      for (const list of lists) {
        try {
          outcomes.push({ entities: await this.#decide(list) });
        } catch (error) {
          if (!(error instanceof WriteRejected)) throw error;
          outcomes.push({ error });
        }
      }
      await this.#flush();
      return outcomes;
    });
  }

  /**
   * Runs `work` on this session and sends its writes, so that only the commit is left to do.
   * @throws the error of a failed statement, even if `work` caught it: nothing can be committed any more
   */
  async complete<T>(work: (session: UnitOfWork) => Promise<T>): Promise<T> {
    try {
      const result = await work(this);
      await this.#inTurn(() => this.#flush());
      return result;
    } catch (error) {
      throw this.#failure === undefined ? error : this.#failure.error;
    }
  }

  /** Runs operations one after another, since callers may start several at once. */
  #inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(async () => {
      if (this.#failure !== undefined) throw this.#failure.error;
      try {
        return await operation();
      } catch (error) {
        if (!(error instanceof WriteRejected)) this.#failure = { error };
        throw error;
      }
    });
    this.#tail = result.catch(() => {});
    return result;
  }

  #decide(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    return this.#pending.decide(writes, (reference, id) => this.#isReferenced(reference, id));
  }

  async #read(collection: CollectionName, ids: Iterable<string>): Promise<void> {
    const unknown = this.#pending.unknown(collection, ids);
    if (unknown.length === 0) return;
    const found = await this.#reader.get(collection, unknown);
    for (const [i, id] of unknown.entries()) this.#pending.setStored(collection, id, found[i]);
  }

  /** Reads the entities that the writes depend on, with one statement per collection. */
  async #readTargets(writes: readonly GuardedWrite[]): Promise<void> {
    const wanted = new Map<CollectionName, string[]>(tables.map(({ name }) => [name, []]));
    for (const { kind, collection, id, expect } of writes) {
      if (this.#pending.of(collection).has(id)) continue;
      if (this.#assumeNew && kind === 'put' && expect === 0) this.#pending.setStored(collection, id, undefined);
      else wanted.get(collection)?.push(id);
    }
    for (const [collection, ids] of wanted) await this.#read(collection, ids);
  }

  async #isReferenced({ collection, field }: Reference, id: string): Promise<boolean> {
    const known = this.#pending.of(collection);
    let changed = 0;
    for (const { stored, current } of known.values()) {
      if (current?.[field] === id) return true;
      if (stored?.[field] === id) changed++;
    }
    // Children that this transaction has moved or deleted do not count, so one more than those is enough.
    const found = await this.#reader.referring(collection, field, id, changed + 1);
    return found.some((child) => !known.has(child));
  }

  async #flush(): Promise<void> {
    const removals: (() => Promise<void>)[] = [];
    for (const table of tables) {
      const statements = this.#statements.writing(table.name);
      const changed = [...this.#pending.of(table.name)].filter(([, { stored, current }]) => stored !== current);
      const created: SqlValue[][] = [];
      const replaced: SqlValue[][] = [];
      const moved: SqlValue[][] = [];
      const removed: SqlValue[][] = [];
      for (const [id, { stored, current }] of changed) {
        if (current === undefined) removed.push([id, versionOf(stored)]);
        else if (stored === undefined) created.push(encodeRow(table, current));
        else {
          const isMoved = table.foreignKeys.some(({ column }) => stored[column] !== current[column]);
          (isMoved ? moved : replaced).push([...encodeRow(table, current), versionOf(stored)]);
        }
      }
      await this.#send(statements.create(false), created, 'constraint');
      await this.#send(statements.overwrite(false), replaced, 'serialization');
      await this.#send(statements.overwrite(true), moved, 'serialization');
      // Children go before their parents.
      removals.unshift(() => this.#send(statements.remove, removed, 'serialization'));
      for (const [, known] of changed) known.stored = known.current;
    }
    for (const remove of removals) await remove();
  }

  /** @throws LostRace if a row is not in the state that this transaction has read */
  async #send(statement: RowsStatement, rows: readonly Row[], lost: LostRace['kind']): Promise<void> {
    if (rows.length === 0) return;
    const written = await this.#session.runRows(statement, rows);
    if (written.length !== rows.length) throw new LostRace(lost, undefined);
  }
}
