import { randomUUID } from 'node:crypto';
import type { DynamodbStrategyConfig } from '../../config/dynamodb-strategy.ts';
import { type CollectionName, collectionNames, referencesFrom } from '../../model/collections.ts';
import type { Entity, EntityChanges, EntityOf } from '../../model/entities.ts';
import type { Problem } from '../../model/json-values.ts';
import { now } from '../../model/timestamps.ts';
import { checkChanges } from '../../model/validation.ts';
import {
  ConcurrencyConflictError,
  TransactionTooLargeError,
  UnsupportedOperationError,
  ValidationError,
} from '../../repository/errors.ts';
import {
  type GuardedWrite,
  guardFailure,
  newestById,
  type PatchWrite,
  versionOf,
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
import {
  backOff,
  type Cancellation,
  CONTENTION_MS,
  contended,
  type DynamodbCalls,
  isOwn,
  requireHope,
} from './calls/dynamodb-calls.ts';
import { DynamodbOperations, extraCondition, type UpdateCondition } from './dynamodb-operations.ts';
import { DynamodbReader, type GsiQuery } from './dynamodb-reader.ts';
import { entityOf, type Item, WRITE_ID } from './items/item-codec.ts';
import { itemProblems } from './items/item-problems.ts';
import { tableName } from './tables/table-definitions.ts';
import { understood } from './writes/condition-expressions.ts';
import { DynamodbTransaction, type TransactionWrite } from './writes/dynamodb-transaction.ts';
import { ListCommit, MAX_ATOMIC_WRITES, type OpenList, packed } from './writes/list-commit.ts';
import { commandAlone, leftBy, visible } from './writes/single-call.ts';
import { StagedCreation } from './writes/staged-creation.ts';
import { loadItem, patchItem } from './writes/write-commands.ts';

/**
 * Entities as items of DynamoDB tables. A write of one entity that nothing else depends on is one conditional call; any
 * other list is one TransactWriteItems.
 */
export class DynamodbStorageStrategy implements StorageStrategy {
  readonly name = 'dynamodb';
  readonly capabilities: Capabilities = {
    queriesInTransactions: false,
    maxAtomicWrites: MAX_ATOMIC_WRITES,
    loadsInvalidRecords: true,
    snapshotReads: false,
    parallelScans: true,
    // It is looked for in an index, which may be behind.
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
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  /**
   * @param release lets go of connections
   * @param settings of `updateEntity` and `withTransaction`, which bypass the Repository
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
    const outcome = await this.#finished(this.#writeList(writes));
    if ('error' in outcome) throw outcome.error;
    return outcome.entities;
  }

  async writeEach(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    this.#requireWritable();
    return this.#finished(this.#writeLists(lists));
  }

  async transaction<T>(work: (session: StoreSession) => Promise<T>): Promise<T> {
    this.#requireWritable();
    return this.#finished(this.#scope.enter(work, (scoped) => this.#untilCommitted(scoped)));
  }

  /** As `transaction`, with the operations of a Repository's transaction and SPEC.md's `conditional_update`. */
  async withTransaction<T>(work: (tx: DynamodbOperations) => Promise<T>): Promise<T> {
    this.#requireWritable();
    return this.#finished(
      this.#scope.enter(work, (scoped) =>
        this.#untilCommitted((session) => scoped(new DynamodbOperations(session, this.#settings))),
      ),
    );
  }

  /**
   * SPEC.md's `update_entity` with a `condition_expression`: changes fields of an entity if a condition holds for it. One
   * call, unless the condition fails or fields are changed that the model does not declare on an item of another program.
   * @throws ConcurrencyConflictError where the condition does not hold, EntityNotFoundError, ValidationError
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
    const alone = !this.#settings.enforceReferences || referencesFrom(collection).every(({ field }) => !(field in set));
    const patch: PatchWrite = { kind: 'patch', collection, id, set, remove, at: now(), expect };
    const extra = [extraCondition(collection, condition)];
    const writeId = randomUUID();
    const update = alone ? patchItem(this.#tableName(collection), patch, writeId, extra) : undefined;
    const result =
      update === undefined
        ? undefined
        : await understood('conditionExpression', () => this.#finished(this.#calls.write({ update }, true)));
    if (result?.done === true) return entityOf(collection, result.item as Item) as EntityOf<C>;
    // An earlier attempt, whose answer was lost, has done it.
    if (result?.current?.[WRITE_ID] === writeId) return entityOf(collection, result.current) as EntityOf<C>;
    return this.withTransaction((tx) => tx.conditionalUpdate(collection, id, changes, condition));
  }

  /**
   * SPEC.md's `query_by_gsi`: entities of one partition of an index, in the order of its sort key.
   * @param query.keyCondition such as `template_id = :template_id AND created_at >= :since`; names stand as they are
   * @param query.limit most entities; 1,000 where left out
   * @throws ValidationError where there is no such index, or the condition is none
   */
  async queryByGsi<C extends CollectionName>(collection: C, query: GsiQuery): Promise<EntityOf<C>[]> {
    this.#requireOpen();
    requireCollection(collection);
    return (await understood('keyCondition', () => this.#reader.queryByGsi(collection, query))) as EntityOf<C>[];
  }

  async snapshot(): Promise<never> {
    throw new UnsupportedOperationError('DynamoDB cannot show its tables as they were at one moment. Use scan.');
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
    const stored = await this.#finished(
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
    // Consistent: DAX answers other reads from what it has kept, also of a table that is gone.
    await Promise.all(collectionNames.map((collection) => this.#reader.items(collection, ['health'], true)));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#underWay);
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

  /** Does a write by one conditional call; undefined where it takes reading first. */
  async #writeAlone(write: GuardedWrite): Promise<WriteOutcome | undefined> {
    const writeId = randomUUID();
    const table = this.#tableName(write.collection);
    const command = commandAlone(table, write, writeId);
    if (command === undefined) return undefined;
    const result = await this.#calls.write(command, true);
    if (result.done) return { entities: [leftBy(write, result.item)] };
    if (isOwn(result, command, writeId)) return { entities: [leftBy(write, result.current)] };
    const current = visible(write, result.current);
    const reason = guardFailure(write, current);
    return reason === undefined ? undefined : { error: new WriteRejected(0, reason, current) };
  }

  async #writeLists(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    const outcomes: WriteOutcome[] = [];
    const failed = (error: unknown): WriteOutcome => ({ error: error as Error });
    const packs = packed(lists);
    const send = async (pack: readonly OpenList[]): Promise<void> => {
      const [first] = pack as [OpenList];
      const byItself = ({ writes }: OpenList): Promise<WriteOutcome> => this.#writeList(writes).catch(failed);
      const done =
        pack.length === 1
          ? [await byItself(first)]
          : await this.#commit
              .run(pack.map(({ writes }) => writes))
              // Together they are more than DynamoDB takes, parents included.
              .catch((error) =>
                error instanceof ValidationError ? concurrently(pack, byItself) : pack.map(() => failed(error)),
              );
      for (const [i, { at }] of pack.entries()) outcomes[at] = done[i] as WriteOutcome;
    };
    const { alone = [], shared = [] } = Object.groupBy(packs, ({ length }) => (length === 1 ? 'alone' : 'shared'));
    // One after the other: transactions that check the same parents get in each other's way.
    const inTurn = async (): Promise<void> => {
      for (const pack of shared) await send(pack);
    };
    await Promise.all([concurrently(alone, send), inTurn()]);
    return outcomes;
  }

  /** Runs a transaction until it commits: again from the beginning where something it has read has changed. */
  async #untilCommitted<T>(work: (session: DynamodbTransaction) => Promise<T>): Promise<T> {
    const deadline = performance.now() + CONTENTION_MS;
    for (let attempt = 1; ; attempt++) {
      const transaction = new DynamodbTransaction(this.#reader, this.#tableName);
      const outcome = await work(transaction).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      if ('error' in outcome) throw outcome.error;
      const writeId = randomUUID();
      const { writes, changes } = await transaction.commands(writeId);
      // One read alone is of one moment.
      if (writes.length === 0 || (writes.length === 1 && !changes)) return outcome.value;
      if (writes.length > MAX_ATOMIC_WRITES) throw new TransactionTooLargeError(MAX_ATOMIC_WRITES);
      const failures = await this.#calls.writeAll(
        writes.map(({ command }) => command),
        writeId,
      );
      if (failures === undefined) return outcome.value;
      requireConditions(writes, failures);
      requireHope(failures);
      if (performance.now() > deadline) throw contended(failures);
      await backOff(attempt);
    }
  }

  #finished<T>(call: Promise<T>): Promise<T> {
    this.#underWay.add(call);
    return call.finally(() => this.#underWay.delete(call));
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

/** @throws ConcurrencyConflictError where a condition of the caller's does not hold for an entity that nobody has changed */
function requireConditions(writes: readonly TransactionWrite[], failures: readonly Cancellation[]): void {
  for (const [i, { code, current }] of failures.entries()) {
    const conditional = writes[i]?.conditional;
    if (code !== 'ConditionalCheckFailed' || conditional === undefined) continue;
    const { collection, id, item } = conditional;
    if (current?.version !== item?.version || current?.[WRITE_ID] !== item?.[WRITE_ID]) continue;
    const entity = current === undefined ? undefined : entityOf(collection, current);
    throw new ConcurrencyConflictError(collection, id, 'exists', versionOf(entity), entity);
  }
}
