import type { CollectionName } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import type { Problem } from '../../model/json-values.ts';
import { recordProblems } from '../../model/validation.ts';
import { UnsupportedOperationError, ValidationError } from '../../repository/errors.ts';
import { type GuardedWrite, newestById, versionOf } from '../../repository/guarded-write.ts';
import type { Predicate, Query } from '../../repository/query.ts';
import { missingReference } from '../../repository/rejections.ts';
import type {
  Capabilities,
  Count,
  LoadOptions,
  Page,
  ScanOptions,
  ScanPage,
  Snapshot,
  StorageStrategy,
  StoreSession,
  UndeclaredColumn,
  WriteOutcome,
} from '../../repository/storage-strategy.ts';
import { TransactionScope } from '../../repository/transaction-scope.ts';
import { LostRace, type SqlDatabase } from './database.ts';
import { lockingSelect } from './locking-select.ts';
import { MAX_AGE_MS, type QueryCache } from './query-cache.ts';
import { encodeRow } from './row-codec.ts';
import { tableFor, tables } from './schema.ts';
import { undeclaredColumns } from './schema-migrations.ts';
import { asPutRow, asSingleStatement, entityOfPut, type PutRow } from './single-statement.ts';
import { SqlReader } from './sql-reader.ts';
import type { NamedRow, RowsStatement } from './sql-session.ts';
import { Statements } from './statements.ts';
import { UnitOfWork } from './unit-of-work.ts';

const everything = tables.map(({ name }) => ({ collection: name }));

/**
 * Entities in the tables of a SQL database. A write that one statement can perform, guards included, is one statement; any
 * other is decided in a serializable transaction.
 */
export class SqlStorageStrategy implements StorageStrategy {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly #database: SqlDatabase;
  readonly #statements: Statements;
  readonly #reader: SqlReader;
  readonly #cache: QueryCache | undefined;
  readonly #scope = new TransactionScope();
  #closed = false;

  /** @param cache keeps results of queries, if given */
  constructor(database: SqlDatabase, cache?: QueryCache) {
    this.name = database.dialect.name;
    this.capabilities = {
      queriesInTransactions: true,
      maxAtomicWrites: Number.POSITIVE_INFINITY,
      loadsInvalidRecords: false,
      snapshotReads: true,
      parallelScans: false,
      protectsParents: true,
      queryStaleness: cache === undefined ? 0 : MAX_AGE_MS,
    };
    this.#cache = cache;
    this.#database = database;
    this.#statements = new Statements(database.dialect);
    this.#reader = new SqlReader(database.reading, this.#statements);
  }

  async get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    this.#requireOpen();
    return this.#reader.get(collection, ids);
  }

  async query(collection: CollectionName, query: Query): Promise<Page> {
    this.#requireOpen();
    const page = (): Promise<Page> => this.#reader.query(collection, query);
    if (this.#cache === undefined || query.explain) return page();
    return this.#cache.get(collection, JSON.stringify(query), page);
  }

  async count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Promise<Count> {
    this.#requireOpen();
    const count = (): Promise<Count> => this.#reader.count(collection, predicates, groupBy);
    return this.#cache?.get(collection, JSON.stringify({ predicates, groupBy }), count) ?? count();
  }

  async scan(collection: CollectionName, options: ScanOptions): Promise<ScanPage> {
    this.#requireOpen();
    return this.#reader.scan(collection, options);
  }

  async write(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    this.#requireWritable();
    return this.#dropping(writes, async () => (await this.#writeSingle(writes)) ?? (await this.#writeTogether(writes)));
  }

  async writeEach(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    this.#requireWritable();
    return this.#dropping(lists.flat(), () => this.#writeLists(lists));
  }

  async #writeLists(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    const outcomes = await this.#putRows(lists);
    const left = lists.flatMap((list, at) => (outcomes[at] === undefined ? [{ list, at }] : []));
    if (left.length === 0) return outcomes as WriteOutcome[];
    const decided = await this.#database
      .transaction('serializable', (session) =>
        new UnitOfWork(session, this.#statements).complete((unit) => unit.writeEach(left.map(({ list }) => list))),
      )
      .catch((error: Error) => left.map((): WriteOutcome => ({ error })));
    for (const [i, { at }] of left.entries()) outcomes[at] = decided[i];
    return outcomes as WriteOutcome[];
  }

  async transaction<T>(work: (session: StoreSession) => Promise<T>): Promise<T> {
    this.#requireWritable();
    return this.#dropping(everything, () =>
      this.#scope.enter(work, (scoped) =>
        this.#database.transaction('serializable', (session) =>
          new UnitOfWork(session, this.#statements).complete(scoped),
        ),
      ),
    );
  }

  /**
   * SPEC.md's `execute_with_lock`: runs a SELECT whose rows no other transaction can change or lock while `work` runs, and
   * commits the writes of `work` on the session when it returns. On PostgreSQL the rows are locked FOR UPDATE; SQLite locks
   * the whole database for writing. `work` may run more than once.
   * @param select one SELECT from a single table, with `?` for each parameter; FOR UPDATE may be omitted
   * @param work receives the rows, with their columns by the names and in the form of the database
   * @throws ValidationError if it is not one SELECT, or the database does not understand it
   */
  async executeWithLock<T = readonly NamedRow[]>(
    select: string,
    parameters: readonly (string | number | null)[],
    work: (rows: readonly NamedRow[], session: StoreSession) => Promise<T> = async (rows) => rows as T,
  ): Promise<T> {
    this.#requireWritable();
    const text = lockingSelect(this.#database.dialect, select, parameters.length);
    return this.#dropping(everything, () =>
      this.#scope.enter(
        ([rows, session]: [readonly NamedRow[], StoreSession]) => work(rows, session),
        (scoped) =>
          this.#database.transaction('locks', async (session) => {
            const rows = await session.runNamed(text, parameters);
            return new UnitOfWork(session, this.#statements).complete((unit) => scoped([rows, unit]));
          }),
      ),
    );
  }

  async snapshot(): Promise<Snapshot> {
    this.#requireOpen();
    const { session, release } = await this.#database.snapshot();
    const reader = new SqlReader(session, this.#statements);
    return { scan: reader.scan.bind(reader), [Symbol.asyncDispose]: release };
  }

  loadProblems(collection: CollectionName, entity: Entity): readonly Problem[] {
    return recordProblems(collection, entity);
  }

  async load(
    collection: CollectionName,
    entities: readonly Entity[],
    { over = 'older' }: LoadOptions = {},
  ): Promise<number> {
    this.#requireWritable();
    const table = tableFor(collection);
    for (const entity of entities) {
      const problems = recordProblems(collection, entity);
      if (problems.length > 0) throw new ValidationError(problems, `${collection} ${JSON.stringify(entity[table.id])}`);
    }
    const newest = newestById(collection, entities);
    const rows = [...newest.values()].map((entity) => encodeRow(table, { ...entity, version: versionOf(entity) }));
    try {
      return await this.#dropping([{ collection }], () =>
        this.#database.transaction(
          'locks',
          async (session) => (await session.runRows(this.#statements.writing(collection).load[over], rows)).length,
        ),
      );
    } catch (error) {
      const { cause } = error as Error;
      const refused = cause instanceof LostRace && cause.kind === 'constraint';
      throw (refused ? await this.#missingParent(collection, entities) : undefined) ?? error;
    }
  }

  async undeclaredColumns(): Promise<readonly UndeclaredColumn[]> {
    this.#requireOpen();
    return undeclaredColumns(this.#database.schema, this.#database.reading);
  }

  async health(): Promise<void> {
    this.#requireOpen();
    await this.#database.ping();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#database.close();
  }

  /** Performs the list with one statement; undefined if that is impossible, or the statement changed nothing. */
  async #writeSingle(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[] | undefined> {
    const { writing } = this.#database;
    try {
      const put = asPutRow(this.#statements, writes);
      if (put !== undefined) {
        const [row] = await writing.runRows(put.statement, [put.row]);
        return row === undefined ? undefined : [entityOfPut(put.put, row)];
      }
      const single = asSingleStatement(this.#statements, writes);
      if (single === undefined) return undefined;
      const [row] = await writing.run(single.text, single.values);
      return row === undefined ? undefined : [single.entityOf(row)];
    } catch (error) {
      if (!(error instanceof LostRace)) throw error;
      return undefined;
    }
  }

  async #writeTogether(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    let assumeNew = true;
    return this.#database.transaction('serializable', async (session) => {
      const unit = new UnitOfWork(session, this.#statements, { assumeNew });
      // If the assumption was wrong, the second attempt reads the entities, and reports which write fails.
      assumeNew = false;
      return unit.complete(() => unit.write(writes));
    });
  }

  /** Saves the lists that are one row each, many rows in one statement. The outcomes of the others stay undefined. */
  async #putRows(lists: readonly (readonly GuardedWrite[])[]): Promise<(WriteOutcome | undefined)[]> {
    const outcomes: (WriteOutcome | undefined)[] = lists.map(() => undefined);
    const groups = new Map<RowsStatement, Map<string, PutRow & { readonly at: number }>>();
    for (const [at, list] of lists.entries()) {
      const putRow = asPutRow(this.#statements, list);
      if (putRow === undefined) continue;
      const group = groups.get(putRow.statement) ?? new Map();
      groups.set(putRow.statement, group);
      // One statement cannot write a row twice: the second write is left to the transaction.
      if (!group.has(putRow.put.id)) group.set(putRow.put.id, { ...putRow, at });
    }
    for (const [statement, group] of groups) {
      const puts = [...group.values()];
      try {
        const written = await this.#database.writing.runRows(
          statement,
          puts.map(({ row }) => row),
        );
        for (const row of written) {
          const { put, at } = group.get(row[0] as string) as PutRow & { at: number };
          outcomes[at] = { entities: [entityOfPut(put, row)] };
        }
      } catch (error) {
        if (error instanceof LostRace) continue;
        for (const { at } of puts) outcomes[at] = { error: error as Error };
      }
    }
    return outcomes;
  }

  /** The error of the first entity whose parent is missing. */
  async #missingParent(collection: CollectionName, entities: readonly Entity[]): Promise<Error | undefined> {
    for (const { column, parent } of tableFor(collection).foreignKeys) {
      const ids = [...new Set(entities.map((entity) => entity[column]).filter((id) => typeof id === 'string'))];
      const found = await this.#reader.get(parent, ids);
      const missing = ids.find((_, i) => found[i] === undefined);
      if (missing !== undefined) return missingReference(collection, parent, missing);
    }
    return undefined;
  }

  /** Runs a write, and then drops the cached results of its collections. */
  async #dropping<T>(writes: readonly { readonly collection: CollectionName }[], write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } finally {
      this.#cache?.drop(writes.map(({ collection }) => collection));
    }
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new UnsupportedOperationError('The repository is closed. Open it again with openRepository.');
  }

  #requireWritable(): void {
    this.#requireOpen();
    this.#scope.requireOutside();
  }
}
