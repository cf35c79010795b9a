import { randomUUID } from 'node:crypto';
import type { CollectionName } from '../../../model/collections.ts';
import type { Entity } from '../../../model/entities.ts';
import { applyWrite, type GuardedWrite, guardFailure, WriteRejected } from '../../../repository/guarded-write.ts';
import { copyOf, requireSize } from '../../../repository/pending-writes.ts';
import type { WriteOutcome } from '../../../repository/storage-strategy.ts';
import {
  backOff,
  type Cancellation,
  CONTENTION_MS,
  contended,
  type DynamodbCalls,
  type ItemWrite,
} from '../calls/dynamodb-calls.ts';
import { permanentFailure } from '../calls/faults.ts';
import type { DynamodbReader } from '../dynamodb-reader.ts';
import { type Item, isHidden, jsonBytes } from '../items/item-codec.ts';
import { visible } from './single-call.ts';
import { BeingCreated } from './staged-creation.ts';
import { createItem, existsCheck, overwriteItem, removeOrCheckItem, versionCheck } from './write-commands.ts';

/** DynamoDB: 100 items in one TransactWriteItems. */
export const MAX_ATOMIC_WRITES = 100;

/** DynamoDB: 4 MB in one TransactWriteItems. Half of it is reserved for the parents that are checked. */
const MAX_PACK_BYTES = 2 * 1024 * 1024;

/** One list of a commit, with its index among all lists. */
export interface OpenList {
  readonly at: number;
  readonly writes: readonly GuardedWrite[];
}

/** A command with the writes that it performs or checks. */
interface Planned {
  readonly command: ItemWrite;
  readonly owners: { readonly list: OpenList; readonly index: number }[];
}

/** Commits lists of writes that need more than one conditional call. */
export class ListCommit {
  readonly #calls: DynamodbCalls;
  readonly #reader: DynamodbReader;
  readonly #tableName: (collection: CollectionName) => string;

  constructor(calls: DynamodbCalls, reader: DynamodbReader, tableName: (collection: CollectionName) => string) {
    this.#calls = calls;
    this.#reader = reader;
    this.#tableName = tableName;
  }

  /** Decides each list on its own, and commits all that can be committed in one transaction. */
  async run(lists: readonly (readonly GuardedWrite[])[]): Promise<WriteOutcome[]> {
    const outcomes: WriteOutcome[] = [];
    const deadline = performance.now() + CONTENTION_MS;
    for (let attempt = 1; ; attempt++) {
      const writeId = randomUUID();
      const open = lists.flatMap((writes, at) => (outcomes[at] === undefined ? [{ at, writes }] : []));
      const { planned, results } = await this.#plan(open, outcomes, writeId);
      const commands = planned.map(({ command }) => command);
      const failures = commands.length === 0 ? undefined : await this.#calls.writeAll(commands, writeId);
      if (failures === undefined) {
        for (const { at } of open) outcomes[at] ??= { entities: (results.get(at) ?? []).map(copyOf) };
        return outcomes;
      }
      attributeFailures(planned, failures, outcomes);
      if (open.every(({ at }) => outcomes[at] !== undefined)) return outcomes;
      if (performance.now() > deadline) throw contended(failures);
      await backOff(attempt);
    }
  }

  /** Reads the items that the lists depend on, decides the lists, and plans the commands of those that can be committed. */
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
          // Only checks can share an entity: two lists that write the same one are never planned together.
          if (known === undefined) planned.set(one.key, one.planned);
          else known.owners.push(...one.planned.owners);
        }
        results.set(list.at, entities);
      } catch (error) {
        if (!(error instanceof WriteRejected || error instanceof BeingCreated)) throw error;
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
    if (item !== undefined && isHidden(item)) throw new BeingCreated(write);
    if (write.kind === 'delete') {
      for (const reference of write.unreferencedBy) {
        if (await this.#reader.isReferenced(reference.collection, reference.field, id, [])) {
          throw new WriteRejected(index, 'referenced', current, reference);
        }
      }
      return { command: { delete: removeOrCheckItem(table, collection, id, item) }, entity: undefined };
    }
    const entity = applyWrite(write, current);
    requireSize(write, entity, index, current);
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
}

const keyOfWrite = ({ collection, id }: GuardedWrite): string => `${collection}/${id}`;

/** Whether a write depends on the current item, rather than only on its condition. */
const needsReading = (write: GuardedWrite): boolean =>
  write.kind !== 'check' && !(write.kind === 'put' && write.expect === 0);

/** Finds the lists whose guards failed, by the items that made them fail. */
function attributeFailures(
  planned: readonly Planned[],
  failures: readonly Cancellation[],
  outcomes: WriteOutcome[],
): void {
  for (const [i, failure] of failures.entries()) {
    const { code, current: item } = failure;
    const error = permanentFailure(failure);
    if (error !== undefined) for (const { list } of planned[i]?.owners ?? []) outcomes[list.at] ??= { error };
    if (code !== 'ConditionalCheckFailed') continue;
    for (const { list, index } of planned[i]?.owners ?? []) {
      const write = list.writes[index] as GuardedWrite;
      const current = visible(write, item);
      const reason = guardFailure(write, current);
      const known = outcomes[list.at];
      // The first failing write of a list is the one to report.
      const earlier =
        known !== undefined &&
        'error' in known &&
        (!(known.error instanceof WriteRejected) || known.error.index < index);
      if (reason !== undefined && !earlier) outcomes[list.at] = { error: new WriteRejected(index, reason, current) };
      else if (item !== undefined && isHidden(item)) outcomes[list.at] ??= { error: new BeingCreated(write) };
    }
  }
}

/** Groups lists into transactions: those that check parents, as many as fit; single writes stay on their own. */
export function packLists(lists: readonly (readonly GuardedWrite[])[]): OpenList[][] {
  const packs: OpenList[][] = [];
  let current: OpenList[] = [];
  let items = new Map<string, boolean>();
  let bytes = 0;
  for (const [at, writes] of lists.entries()) {
    if (writes.length === 1) {
      packs.push([{ at, writes }]);
      continue;
    }
    const isNew = (write: GuardedWrite): boolean => !items.has(keyOfWrite(write));
    const overlaps = writes.some((write) => {
      const written = items.get(keyOfWrite(write));
      return written !== undefined && (written || write.kind !== 'check');
    });
    const size = writes.reduce((sum, write) => sum + (write.kind === 'put' ? jsonBytes(write.fields) : 0), 0);
    const full = items.size + writes.filter(isNew).length > MAX_ATOMIC_WRITES || bytes + size > MAX_PACK_BYTES;
    if (current.length > 0 && (overlaps || full)) {
      packs.push(current);
      current = [];
      items = new Map();
      bytes = 0;
    }
    bytes += size;
    current.push({ at, writes });
    for (const write of writes) items.set(keyOfWrite(write), items.get(keyOfWrite(write)) || write.kind !== 'check');
  }
  if (current.length > 0) packs.push(current);
  return packs;
}
