import type { CollectionName, Reference } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import { cloneJson } from '../../model/json-values.ts';
import { BufferedSession } from '../../repository/buffered-session.ts';
import { type GuardedWrite, idOf, versionOf, WriteRejected } from '../../repository/guarded-write.ts';
import type { Predicate, Query } from '../../repository/query.ts';
import type { Count, Page, WriteOutcome } from '../../repository/storage-strategy.ts';
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
export class UnitOfWork extends BufferedSession {
  readonly #session: SqlSession;
  readonly #reader: SqlReader;
  readonly #statements: Statements;
  /** Whether entities that must be new are assumed to be new until the database says otherwise. */
  readonly #assumeNew: boolean;
  #failure: { readonly error: unknown } | undefined;

  constructor(session: SqlSession, statements: Statements, { assumeNew = false }: { assumeNew?: boolean } = {}) {
    super();
    this.#session = session;
    this.#reader = new SqlReader(session, statements);
    this.#statements = statements;
    this.#assumeNew = assumeNew;
  }

  query(collection: CollectionName, query: Query): Promise<Page> {
    return this.inTurn(async () => {
      await this.#flush();
      const page = await this.#reader.query(collection, query);
      for (const item of page.items) {
        const id = idOf(collection, item);
        if (!this.pending.of(collection).has(id)) this.pending.setStored(collection, id, cloneJson(item));
      }
      return page;
    });
  }

  count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Promise<Count> {
    return this.inTurn(async () => {
      await this.#flush();
      return this.#reader.count(collection, predicates, groupBy);
    });
  }

  /** Decides several lists, each on its own, and sends them. The outcomes are final once the transaction has committed. */
  writeEach(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    return this.inTurn(async () => {
      await this.readTargets(lists.flat());
      const outcomes: WriteOutcome[] = [];
      for (const list of lists) {
        try {
          outcomes.push({ entities: await this.decide(list) });
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
      await this.inTurn(() => this.#flush());
      return result;
    } catch (error) {
      throw this.#failure === undefined ? error : this.#failure.error;
    }
  }

  /** After an error of the database, nothing more is sent to it. */
  protected override inTurn<T>(call: () => Promise<T>): Promise<T> {
    return super.inTurn(async () => {
      if (this.#failure !== undefined) throw this.#failure.error;
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof WriteRejected)) this.#failure = { error };
        throw error;
      }
    });
  }

  protected fetch(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    return this.#reader.get(collection, ids);
  }

  protected override async readTargets(writes: readonly GuardedWrite[]): Promise<void> {
    if (this.#assumeNew) {
      for (const { kind, collection, id, expect } of writes) {
        const isNew = kind === 'put' && expect === 0 && !this.pending.of(collection).has(id);
        if (isNew) this.pending.setStored(collection, id, undefined);
      }
    }
    await super.readTargets(writes);
  }

  protected async isReferencedInStore(
    { collection, field }: Reference,
    id: string,
    except: ReadonlySet<string>,
  ): Promise<boolean> {
    const found = await this.#reader.referring(collection, field, id, except.size + 1);
    return found.some((child) => !except.has(child));
  }

  async #flush(): Promise<void> {
    const removals: (() => Promise<void>)[] = [];
    for (const table of tables) {
      const statements = this.#statements.writing(table.name);
      const changed = [...this.pending.of(table.name)].filter(([, { stored, current }]) => stored !== current);
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
