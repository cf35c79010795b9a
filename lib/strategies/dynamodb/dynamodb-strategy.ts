import { randomUUID } from 'node:crypto';
import type { DynamodbStrategyConfig } from '../../config/dynamodb-strategy.ts';
import { type CollectionName, collectionNames, referencesFrom } from '../../model/collections.ts';
import type { Entity, EntityChanges, EntityOf } from '../../model/entities.ts';
import type { Problem } from '../../model/json-values.ts';
import { now } from '../../model/timestamps.ts';
import { checkChanges } from '../../model/validation.ts';
import { UnsupportedOperationError, ValidationError } from '../../repository/errors.ts';
import {
  type GuardedWrite,
  guardFailure,
  newestById,
  type PatchWrite,
  WriteRejected,
} from '../../repository/guarded-write.ts';
import type { Predicate, Query } from '../../repository/query.ts';
import { type OperationSettings, requireCollection, requireId } from '../../repository/session-operations.ts';
import type {
  Capabilities,
  Count,
  LoadOptions,
  Page,
  ScanOptions,
  ScanPage,
  StorageStrategy,
  StoreSession,
  WriteOutcome,
} from '../../repository/storage-strategy.ts';
import { TransactionScope } from '../../repository/transaction-scope.ts';
import { concurrently } from './calls/concurrently.ts';
import { type DynamodbCalls, isOwn } from './calls/dynamodb-calls.ts';
import { DynamodbOperations, extraCondition, type UpdateCondition } from './dynamodb-operations.ts';
import { DynamodbReader, type GsiQuery } from './dynamodb-reader.ts';
import { entityOf, type Item, WRITE_ID } from './items/item-codec.ts';
import { itemProblems } from './items/item-problems.ts';
import { tableName } from './tables/table-definitions.ts';
import { withCallersCondition } from './writes/condition-expressions.ts';
import { DynamodbTransaction } from './writes/dynamodb-transaction.ts';
import { ListCommit, MAX_ATOMIC_WRITES, type OpenList, packLists } from './writes/list-commit.ts';
import { runTransaction } from './writes/run-transaction.ts';
import { resultOf, singleCall, visible } from './writes/single-call.ts';
import { StagedCreation } from './writes/staged-creation.ts';
import { loadItem, patchItem } from './writes/write-commands.ts';

/**
 * Entities as items of DynamoDB tables. An independent write of one entity is one conditional call; any other list is one
 * TransactWriteItems.
 */
export class DynamodbStorageStrategy implements StorageStrategy {
  readonly name = 'dynamodb';
  readonly capabilities: Capabilities = {
    queriesInTransactions: false,
    maxAtomicWrites: MAX_ATOMIC_WRITES,
    loadsInvalidRecords: true,
    snapshotReads: false,
    parallelScans: true,
    // References are looked up in an index, which may lag behind.
    protectsParents: false,
    queryStaleness: Number.POSITIVE_INFINITY,
  };
  readonly #calls: DynamodbCalls;
  readonly #reader: DynamodbReader;
  readonly #tableName: (collection: CollectionName) => string;
  readonly #commit: ListCommit;
  readonly #release: () => void;
  readonly #settings: OperationSettings;
  readonly #scope = new TransactionScope();
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  /**
   * @param release closes connections
   * @param settings for `updateEntity` and `withTransaction`, which bypass the Repository
   */
  constructor(
    config: DynamodbStrategyConfig,
    calls: DynamodbCalls,
    release: () => void,
    settings: OperationSettings = { enforceReferences: true },
  ) {
    this.#calls = calls;
    this.#settings = settings;
    this.#tableName = (collection) => tableName(config.table_prefix, collection);
    this.#reader = new DynamodbReader(calls, { tableName: this.#tableName, consistent: config.consistent_reads });
    this.#commit = new ListCommit(calls, this.#reader, this.#tableName);
    this.#release = release;
  }

  async get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    this.#requireOpen();
    return this.#reader.get(collection, ids);
  }

  async query(collection: CollectionName, query: Query): Promise<Page> {
    this.#requireOpen();
    return this.#reader.query(collection, query);
  }

  async count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Promise<Count> {
    this.#requireOpen();
    return this.#reader.count(collection, predicates, groupBy);
  }

  async scan(collection: CollectionName, options: ScanOptions): Promise<ScanPage> {
    this.#requireOpen();
    return this.#reader.scan(collection, options);
  }

  async write(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    this.#requireWritable();
    const outcome = await this.#tracked(this.#writeList(writes));
    if ('error' in outcome) throw outcome.error;
    return outcome.entities;
  }

  async writeEach(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    this.#requireWritable();
    return this.#tracked(this.#writeLists(lists));
  }

  async transaction<T>(work: (session: StoreSession) => Promise<T>): Promise<T> {
    this.#requireWritable();
    return this.#tracked(this.#scope.enter(work, (scoped) => this.#runTransaction(scoped)));
  }

  /** Like `transaction`, with the operations of a Repository's transaction and SPEC.md's `conditional_update`. */
  async withTransaction<T>(work: (tx: DynamodbOperations) => Promise<T>): Promise<T> {
    this.#requireWritable();
    return this.#tracked(
      this.#scope.enter(work, (scoped) =>
        this.#runTransaction((session) => scoped(new DynamodbOperations(session, this.#settings))),
      ),
    );
  }

  /**
   * SPEC.md's `update_entity` with a `condition_expression`: changes fields of an entity if a condition holds for it. One
   * call, unless the condition fails or undeclared fields of another program's item are changed.
   * @throws ConcurrencyConflictError if the condition does not hold, EntityNotFoundError, ValidationError
   */
  async updateEntity<C extends CollectionName>(
    collection: C,
    id: string,
    changes: EntityChanges<C>,
    condition: UpdateCondition,
  ): Promise<EntityOf<C>> {
    this.#requireWritable();
    requireId(collection, id);
    const { fields: set, removed: remove, version: expect, problems } = checkChanges(collection, id, changes);
    if (problems.length > 0) throw new ValidationError(problems);
    const isIndependent =
      !this.#settings.enforceReferences || referencesFrom(collection).every(({ field }) => !(field in set));
    const patch: PatchWrite = { kind: 'patch', collection, id, set, remove, at: now(), expect };
    const extra = [extraCondition(collection, condition)];
    const writeId = randomUUID();
    const update = isIndependent ? patchItem(this.#tableName(collection), patch, writeId, extra) : undefined;
    const result =
      update === undefined
        ? undefined
        : await withCallersCondition('conditionExpression', () => this.#tracked(this.#calls.write({ update }, true)));
    if (result?.done === true) return entityOf(collection, result.item as Item) as EntityOf<C>;
    // An earlier attempt, whose answer was lost, has succeeded.
    if (result?.current?.[WRITE_ID] === writeId) return entityOf(collection, result.current) as EntityOf<C>;
    return this.withTransaction((tx) => tx.conditionalUpdate(collection, id, changes, condition));
  }

  /**
   * SPEC.md's `query_by_gsi`: entities of one partition of an index, in the order of its sort key.
   * @param query.keyCondition such as `template_id = :template_id AND created_at >= :since`, with literal field names
   * @param query.limit maximum number of entities; default 1,000
   * @throws ValidationError if there is no such index, or the condition is invalid
   */
  async queryByGsi<C extends CollectionName>(collection: C, query: GsiQuery): Promise<EntityOf<C>[]> {
    this.#requireOpen();
    requireCollection(collection);
    return (await withCallersCondition('keyCondition', () =>
      this.#reader.queryByGsi(collection, query),
    )) as EntityOf<C>[];
  }

  async snapshot(): Promise<never> {
    throw new UnsupportedOperationError('DynamoDB has no consistent snapshot of all tables. Use scan.');
  }

  loadProblems(collection: CollectionName, entity: Entity): readonly Problem[] {
    return itemProblems(collection, entity);
  }

  async load(
    collection: CollectionName,
    entities: readonly Entity[],
    { over = 'older' }: LoadOptions = {},
  ): Promise<number> {
    this.#requireWritable();
    const newest = newestById(collection, entities);
    for (const [id, entity] of newest) {
      const problems = itemProblems(collection, entity);
      if (problems.length > 0) throw new ValidationError(problems, `${collection} ${JSON.stringify(id)}`);
    }
    const stored = await this.#tracked(
      concurrently([...newest.values()], async (entity) => {
        const writeId = randomUUID();
        const put = loadItem(this.#tableName(collection), collection, entity, writeId, over);
        const result = await this.#calls.write({ put }, false);
        return result.done || result.current?.[WRITE_ID] === writeId;
      }),
    );
    return stored.filter(Boolean).length;
  }

  async health(): Promise<void> {
    this.#requireOpen();
    // Consistent reads: DAX answers others from its cache, even for a table that is gone.
    await Promise.all(collectionNames.map((collection) => this.#reader.items(collection, ['health'], true)));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#running);
    this.#release();
  }

  async #writeList(writes: readonly GuardedWrite[]): Promise<WriteOutcome> {
    if (writes.length > MAX_ATOMIC_WRITES) return this.#writeStaged(writes);
    const [write] = writes;
    const alone = writes.length === 1 && write !== undefined ? await this.#writeAlone(write) : undefined;
    return alone ?? ((await this.#commit.run([writes])) as [WriteOutcome])[0];
  }

  async #writeStaged(writes: readonly GuardedWrite[]): Promise<WriteOutcome> {
    try {
      return { entities: await new StagedCreation(this.#calls, this.#tableName).run(writes) };
    } catch (error) {
      return { error: error as Error };
    }
  }

  /** Performs a write with one conditional call; undefined if the item must be read first. */
  async #writeAlone(write: GuardedWrite): Promise<WriteOutcome | undefined> {
    const writeId = randomUUID();
    const table = this.#tableName(write.collection);
    const command = singleCall(table, write, writeId);
    if (command === undefined) return undefined;
    const result = await this.#calls.write(command, true);
    if (result.done) return { entities: [resultOf(write, result.item)] };
    if (isOwn(result, command, writeId)) return { entities: [resultOf(write, result.current)] };
    const current = visible(write, result.current);
    const reason = guardFailure(write, current);
    return reason === undefined ? undefined : { error: new WriteRejected(0, reason, current) };
  }

  async #writeLists(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    const outcomes: WriteOutcome[] = [];
    const failed = (error: unknown): WriteOutcome => ({ error: error as Error });
    const packs = packLists(lists);
    const send = async (pack: readonly OpenList[]): Promise<void> => {
      const [first] = pack as [OpenList];
      const onItsOwn = ({ writes }: OpenList): Promise<WriteOutcome> => this.#writeList(writes).catch(failed);
      const done =
        pack.length === 1
          ? [await onItsOwn(first)]
          : await this.#commit
              .run(pack.map(({ writes }) => writes))
              // Together, parents included, they exceed DynamoDB's limit.
              .catch((error) =>
                error instanceof ValidationError ? concurrently(pack, onItsOwn) : pack.map(() => failed(error)),
              );
      for (const [i, { at }] of pack.entries()) outcomes[at] = done[i] as WriteOutcome;
    };
    const { alone = [], shared = [] } = Object.groupBy(packs, ({ length }) => (length === 1 ? 'alone' : 'shared'));
    // One after the other: transactions that check the same parents conflict with each other.
    const inTurn = async (): Promise<void> => {
      for (const pack of shared) await send(pack);
    };
    await Promise.all([concurrently(alone, send), inTurn()]);
    return outcomes;
  }

  #runTransaction<T>(work: (transaction: DynamodbTransaction) => Promise<T>): Promise<T> {
    return runTransaction(this.#calls, () => new DynamodbTransaction(this.#reader, this.#tableName), work);
  }

  /** Lets `close` wait for a call. */
  #tracked<T>(call: Promise<T>): Promise<T> {
    this.#running.add(call);
    return call.finally(() => this.#running.delete(call));
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
