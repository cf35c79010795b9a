import { randomUUID } from 'node:crypto';
import type { DynamodbStrategyConfig } from '../../config/dynamodb-strategy.ts';
import type { CollectionName } from '../../model/collections.ts';
import { referencesFrom } from '../../model/collections.ts';
import type { Entity, EntityChanges, EntityOf } from '../../model/entities.ts';
import { now } from '../../model/timestamps.ts';
import { checkChanges, sizeProblem } from '../../model/validation.ts';
import {
  ConcurrencyConflictError,
  TransactionTooLargeError,
  UnsupportedOperationError,
  ValidationError,
} from '../../repository/errors.ts';
import {
  applyWrite,
  type GuardedWrite,
  guardFailure,
  idOf,
  type PatchWrite,
  versionOf,
  WriteRejected,
} from '../../repository/guarded-write.ts';
import { copyOf } from '../../repository/pending-writes.ts';
import type { Predicate, Query } from '../../repository/query.ts';
import { type OperationSettings, requireCollection, requireId } from '../../repository/session-operations.ts';
import type {
  Capabilities,
  Count,
  Page,
  ScanOptions,
  ScanPage,
  StorageStrategy,
  StoreSession,
  WriteOutcome,
} from '../../repository/storage-strategy.ts';
import { TransactionScope } from '../../repository/transaction-scope.ts';
import { concurrently } from './concurrently.ts';
import { understood } from './condition-expressions.ts';
import {
  backOff,
  type Cancellation,
  CONTENTION_MS,
  contended,
  type DynamodbCalls,
  type ItemWrite,
  type WriteResult,
} from './dynamodb-calls.ts';
import { DynamodbOperations, extraCondition, type UpdateCondition } from './dynamodb-operations.ts';
import { DynamodbReader, type GsiQuery } from './dynamodb-reader.ts';
import { DynamodbTransaction, type TransactionWrite } from './dynamodb-transaction.ts';
import { entityOf, type Item, isHidden, WRITE_ID } from './item-codec.ts';
import { StagedCreation } from './staged-creation.ts';
import { tableName } from './table-definitions.ts';
import {
  createItem,
  deleteItem,
  existsCheck,
  loadItem,
  overwriteItem,
  patchItem,
  removeOrCheckItem,
  replaceItem,
  versionCheck,
} from './write-commands.ts';

/** DynamoDB: 100 items in one TransactWriteItems. */
const MAX_ATOMIC_WRITES = 100;

/** One list of a commit: where it stands among all, and what each write is to leave behind. */
interface OpenList {
  readonly at: number;
  readonly writes: readonly GuardedWrite[];
}

/** A command with the writes that it does or checks. */
interface Planned {
  readonly command: ItemWrite;
  readonly owners: { readonly list: OpenList; readonly index: number }[];
}

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
    // It is looked for in an index, which may be behind.
    protectsParents: false,
    queryStaleness: Number.POSITIVE_INFINITY,
  };
  readonly #calls: DynamodbCalls;
  readonly #reader: DynamodbReader;
  readonly #tableName: (collection: CollectionName) => string;
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
    const update = alone ? patchItem(this.#tableName(collection), patch, randomUUID(), extra) : undefined;
    const result =
      update === undefined
        ? undefined
        : await understood('conditionExpression', () => this.#finished(this.#calls.write({ update }, true)));
    if (result?.done === true) return entityOf(collection, result.item as Item) as EntityOf<C>;
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

  async load(collection: CollectionName, entities: readonly Entity[]): Promise<number> {
    this.#requireWritable();
    const newest = new Map<string, Entity>();
    for (const entity of entities) {
      const id = idOf(collection, entity);
      if (versionOf(newest.get(id)) < versionOf(entity)) newest.set(id, entity);
    }
    const stored = await this.#finished(
      concurrently([...newest.values()], async (entity) => {
        const writeId = randomUUID();
        const put = loadItem(this.#tableName(collection), collection, entity, writeId);
        const result = await this.#calls.write({ put }, false);
        return result.done || result.current?.[WRITE_ID] === writeId;
      }),
    );
    return stored.filter(Boolean).length;
  }

  async health(): Promise<void> {
    this.#requireOpen();
    await this.#reader.get('templates', ['health']);
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
    return alone ?? ((await this.#commit([writes])) as [WriteOutcome])[0];
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
    if (isOwn(result, write, writeId)) return { entities: [leftBy(write, result.current)] };
    const current = visible(write, result.current);
    const reason = guardFailure(write, current);
    return reason === undefined ? undefined : { error: new WriteRejected(0, reason, current) };
  }

  async #writeLists(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    const outcomes: WriteOutcome[] = [];
    const failed = (error: unknown): WriteOutcome => ({ error: error as Error });
    const packs = packed(lists);
    await concurrently(packs, async (pack) => {
      const [first] = pack as [OpenList];
      const done =
        pack.length === 1
          ? [await this.#writeList(first.writes).catch(failed)]
          : await this.#commit(pack.map(({ writes }) => writes)).catch((error) => pack.map(() => failed(error)));
      for (const [i, { at }] of pack.entries()) outcomes[at] = done[i] as WriteOutcome;
    });
    return outcomes;
  }

  /** Commits lists, each on its own merits, by one transaction of all that can be committed. */
  async #commit(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    const outcomes: WriteOutcome[] = [];
    const deadline = performance.now() + CONTENTION_MS;
    for (let attempt = 1; ; attempt++) {
      const writeId = randomUUID();
      const open = lists.flatMap((writes, at) => (outcomes[at] === undefined ? [{ at, writes }] : []));
      if (open.length === 0) return outcomes;
      const { planned, results } = await this.#plan(open, outcomes, writeId);
      const failures = planned.length === 0 ? [] : await this.#send(planned, writeId);
      if (failures === undefined || planned.length === 0) {
        for (const { at } of open) outcomes[at] ??= { entities: (results.get(at) ?? []).map(copyOf) };
        return outcomes;
      }
      blame(planned, failures, outcomes);
      if (performance.now() > deadline) throw contended(failures);
      await backOff(attempt);
    }
  }

  /** Reads what the lists are decided on, decides them, and plans the commands of those that can be committed. */
  async #plan(
    open: readonly OpenList[],
    outcomes: WriteOutcome[],
    writeId: string,
  ): Promise<{ planned: Planned[]; results: Map<number, (Entity | undefined)[]> }> {
    const items = await this.#readTargets(open.flatMap(({ writes }) => writes.filter(needsReading)));
    const planned = new Map<string, Planned>();
    const results = new Map<number, (Entity | undefined)[]>();
    for (const list of open) {
      try {
        const decided: { key: string; planned: Planned }[] = [];
        const entities: (Entity | undefined)[] = [];
        for (const [index, write] of list.writes.entries()) {
          const { command, entity } = await this.#decide(write, index, items, writeId);
          entities.push(entity);
          decided.push({ key: keyOfWrite(write), planned: { command, owners: [{ list, index }] } });
        }
        for (const one of decided) {
          const known = planned.get(one.key);
          // Only checks of one entity can meet: two lists that write one are never planned together.
          if (known === undefined) planned.set(one.key, one.planned);
          else known.owners.push(...one.planned.owners);
        }
        results.set(list.at, entities);
      } catch (error) {
        if (!(error instanceof WriteRejected)) throw error;
        outcomes[list.at] = { error };
      }
    }
    return { planned: [...planned.values()], results };
  }

  async #decide(
    write: GuardedWrite,
    index: number,
    items: ReadonlyMap<string, Item | undefined>,
    writeId: string,
  ): Promise<{ command: ItemWrite; entity: Entity | undefined }> {
    const { collection, id } = write;
    const table = this.#tableName(collection);
    if (write.kind === 'check') {
      const check =
        typeof write.expect === 'number'
          ? versionCheck(table, collection, id, write.expect)
          : existsCheck(table, collection, id);
      return { command: { check }, entity: undefined };
    }
    if (write.kind === 'put' && write.expect === 0) {
      return { command: { put: createItem(table, write, writeId) }, entity: applyWrite(write, undefined) };
    }
    const item = items.get(keyOfWrite(write));
    const current = visible(write, item);
    const reason = guardFailure(write, current);
    if (reason !== undefined) throw new WriteRejected(index, reason, current);
    if (write.kind === 'delete') {
      for (const reference of write.unreferencedBy) {
        if (await this.#reader.isReferenced(reference.collection, reference.field, id, [])) {
          throw new WriteRejected(index, 'referenced', current, reference);
        }
      }
      return { command: { delete: removeOrCheckItem(table, collection, id, item) }, entity: undefined };
    }
    const entity = applyWrite(write, current);
    if (write.kind === 'patch' && sizeProblem(entity) !== undefined)
      throw new WriteRejected(index, 'too_large', current);
    return { command: { put: overwriteItem(table, collection, entity, item, writeId) }, entity };
  }

  async #readTargets(writes: readonly GuardedWrite[]): Promise<Map<string, Item | undefined>> {
    const items = new Map<string, Item | undefined>();
    for (const [collection, same] of Map.groupBy(writes, (write) => write.collection)) {
      const found = await this.#reader.items(
        collection,
        same.map(({ id }) => id),
        true,
      );
      for (const [i, write] of same.entries()) items.set(keyOfWrite(write), found[i]);
    }
    return items;
  }

  /** Sends commands as one; undefined where they were carried out. */
  async #send(planned: readonly Planned[], writeId: string): Promise<Cancellation[] | undefined> {
    const [only] = planned as [Planned];
    if (planned.length > 1 || 'check' in only.command) {
      return this.#calls.writeTogether(planned.map(({ command }) => command));
    }
    const result = await this.#calls.write(only.command, false);
    if (result.done) return undefined;
    const [{ list, index }] = only.owners as [Planned['owners'][number]];
    if (isOwn(result, list.writes[index] as GuardedWrite, writeId)) return undefined;
    return [{ code: 'ConditionalCheckFailed', current: result.current }];
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
      const failures = await this.#sendTransaction(
        writes.map(({ command }) => command),
        writeId,
      );
      if (failures === undefined) return outcome.value;
      requireConditions(writes, failures);
      if (performance.now() > deadline) throw contended(failures);
      await backOff(attempt);
    }
  }

  async #sendTransaction(writes: readonly ItemWrite[], writeId: string): Promise<Cancellation[] | undefined> {
    const [only] = writes as [ItemWrite];
    if (writes.length > 1) return this.#calls.writeTogether(writes);
    const result = await this.#calls.write(only, false);
    const own = !result.done && (result.current?.[WRITE_ID] === writeId || ('delete' in only && result.answerWasLost));
    if (result.done || own) return undefined;
    return [{ code: 'ConditionalCheckFailed', current: result.current }];
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

const keyOfWrite = ({ collection, id }: GuardedWrite): string => `${collection}/${id}`;

/** Whether a write of a list is decided on the item as it is, rather than by its condition alone. */
const needsReading = (write: GuardedWrite): boolean =>
  write.kind !== 'check' && !(write.kind === 'put' && write.expect === 0);

function commandAlone(table: string, write: GuardedWrite, writeId: string): ItemWrite | undefined {
  switch (write.kind) {
    case 'put':
      return write.expect === 0
        ? { put: createItem(table, write, writeId) }
        : { update: replaceItem(table, write, writeId) };
    case 'patch': {
      const update = patchItem(table, write, writeId);
      return update === undefined ? undefined : { update };
    }
    case 'delete':
      return write.unreferencedBy.length === 0 ? { delete: deleteItem(table, write) } : undefined;
    case 'check':
      return undefined;
  }
}

/** The entity that a write left behind. */
function leftBy(write: GuardedWrite, item: Item | undefined): Entity | undefined {
  if (write.kind === 'put' && item === undefined) return applyWrite(write, undefined);
  return item === undefined || write.kind === 'delete' ? undefined : entityOf(write.collection, item);
}

const visible = ({ collection }: GuardedWrite, item: Item | undefined): Entity | undefined =>
  item === undefined || isHidden(item) ? undefined : entityOf(collection, item);

/** Whether a write failed because an earlier attempt of the same call, whose answer was lost, had done it. */
const isOwn = (result: WriteResult & { done: false }, write: GuardedWrite, writeId: string): boolean =>
  result.current === undefined ? write.kind === 'delete' && result.answerWasLost : result.current[WRITE_ID] === writeId;

/** Finds the lists whose guards do not hold, by the items that stood against them. */
function blame(planned: readonly Planned[], failures: readonly Cancellation[], outcomes: WriteOutcome[]): void {
  for (const [i, { code, current: item }] of failures.entries()) {
    if (code !== 'ConditionalCheckFailed') continue;
    for (const { list, index } of planned[i]?.owners ?? []) {
      const write = list.writes[index] as GuardedWrite;
      const current = visible(write, item);
      const reason = guardFailure(write, current);
      const known = outcomes[list.at];
      // The first write of a list that fails is the one to name.
      const earlier = known !== undefined && 'error' in known && (known.error as WriteRejected).index < index;
      if (reason !== undefined && !earlier) outcomes[list.at] = { error: new WriteRejected(index, reason, current) };
    }
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

/** Lists that share a transaction: those that check parents, as many as fit; single writes stay alone. */
function packed(lists: readonly (readonly GuardedWrite[])[]): OpenList[][] {
  const packs: OpenList[][] = [];
  let current: OpenList[] = [];
  let items = new Map<string, boolean>();
  for (const [at, writes] of lists.entries()) {
    if (writes.length === 1) {
      packs.push([{ at, writes }]);
      continue;
    }
    const isNew = (write: GuardedWrite): boolean => !items.has(keyOfWrite(write));
    const meets = writes.some((write) => {
      const written = items.get(keyOfWrite(write));
      return written !== undefined && (written || write.kind !== 'check');
    });
    if (current.length > 0 && (meets || items.size + writes.filter(isNew).length > MAX_ATOMIC_WRITES)) {
      packs.push(current);
      current = [];
      items = new Map();
    }
    current.push({ at, writes });
    for (const write of writes) items.set(keyOfWrite(write), items.get(keyOfWrite(write)) || write.kind !== 'check');
  }
  if (current.length > 0) packs.push(current);
  return packs;
}
