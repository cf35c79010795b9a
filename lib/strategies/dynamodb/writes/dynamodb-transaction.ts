import type { CollectionName } from '../../../model/collections.ts';
import type { Entity } from '../../../model/entities.ts';
import { UnsupportedOperationError } from '../../../repository/errors.ts';
import type { GuardedWrite } from '../../../repository/guarded-write.ts';
import { copyOf, PendingWrites } from '../../../repository/pending-writes.ts';
import type { Count, Page, StoreSession } from '../../../repository/storage-strategy.ts';
import type { ItemWrite } from '../calls/dynamodb-calls.ts';
import type { DynamodbReader } from '../dynamodb-reader.ts';
import { Expression } from '../items/expressions.ts';
import { entityOf, type Item, isHidden } from '../items/item-codec.ts';
import { BeingCreated } from './staged-creation.ts';
import { type ExtraCondition, overwriteItem, removeOrCheckItem } from './write-commands.ts';

/**
 * One attempt of a transaction: it reads with strong consistency, buffers its writes, and at the end makes them conditional
 * on everything it has read being unchanged, absence included.
 */
export class DynamodbTransaction implements StoreSession {
  readonly #reader: DynamodbReader;
  readonly #tableName: (collection: CollectionName) => string;
  readonly #pending = new PendingWrites();
  readonly #items = new Map<CollectionName, Map<string, Item | undefined>>();
  readonly #conditions = new Map<string, ExtraCondition[]>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(reader: DynamodbReader, tableName: (collection: CollectionName) => string) {
    this.#reader = reader;
    this.#tableName = tableName;
  }

  get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    return this.#inTurn(async () => {
      await this.#read(collection, ids);
      return ids.map((id) => copyOf(this.#pending.current(collection, id)));
    });
  }

  query(): Promise<Page> {
    return Promise.reject(unprotected());
  }

  count(): Promise<Count> {
    return Promise.reject(unprotected());
  }

  write(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    return this.#inTurn(async () => {
      for (const { collection, id } of writes) await this.#read(collection, [id]);
      const left = await this.#pending.decide(writes, async ({ collection, field }, id) => {
        const known = this.#pending.of(collection);
        if ([...known.values()].some(({ current }) => current?.[field] === id)) return true;
        const changed = [...known].filter(([, { stored }]) => stored?.[field] === id).map(([child]) => child);
        return this.#reader.isReferenced(collection, field, id, changed);
      });
      return left.map(copyOf);
    });
  }

  /** Makes the commit depend on a condition of an entity that is written. @returns a function that removes the condition */
  addCondition(collection: CollectionName, id: string, condition: ExtraCondition): () => void {
    // An invalid condition must fail at once.
    condition(new Expression());
    const key = `${collection}/${id}`;
    const conditions = [...(this.#conditions.get(key) ?? []), condition];
    this.#conditions.set(key, conditions);
    return () =>
      this.#conditions.set(
        key,
        (this.#conditions.get(key) ?? []).filter((one) => one !== condition),
      );
  }

  /** The writes that commit the transaction; `changes` is false if it has only read. */
  async commands(writeId: string): Promise<{ readonly writes: TransactionWrite[]; readonly changes: boolean }> {
    await this.#tail;
    const writes: TransactionWrite[] = [];
    let changes = false;
    for (const [collection, items] of this.#items) {
      const table = this.#tableName(collection);
      for (const [id, item] of items) {
        const known = this.#pending.of(collection).get(id);
        const current = known?.current;
        if (known === undefined || known.stored === current) {
          writes.push({ command: { check: removeOrCheckItem(table, collection, id, item) } });
          continue;
        }
        changes = true;
        if (item !== undefined && isHidden(item)) throw new BeingCreated({ collection, id });
        if (current === undefined) {
          writes.push({ command: { delete: removeOrCheckItem(table, collection, id, item) } });
          continue;
        }
        const conditions = this.#conditions.get(`${collection}/${id}`) ?? [];
        const command = { put: overwriteItem(table, collection, current, item, writeId, conditions) };
        writes.push(conditions.length === 0 ? { command } : { command, conditional: { collection, id, item } });
      }
    }
    return { writes, changes };
  }

  /** Runs operations one after another, since callers may start several at once. */
  #inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(operation);
    this.#tail = result.catch(() => {});
    return result;
  }

  async #read(collection: CollectionName, ids: readonly string[]): Promise<void> {
    const unknown = this.#pending.unknown(collection, ids);
    if (unknown.length === 0) return;
    const found = await this.#reader.items(collection, unknown, true);
    const items = this.#items.get(collection) ?? new Map<string, Item | undefined>();
    this.#items.set(collection, items);
    for (const [i, id] of unknown.entries()) {
      const item = found[i];
      items.set(id, item);
      const entity = item === undefined || isHidden(item) ? undefined : entityOf(collection, item);
      this.#pending.setStored(collection, id, entity);
    }
  }
}

/** A write of a commit. */
export interface TransactionWrite {
  readonly command: ItemWrite;
  /** Set if it also depends on conditions of the caller: the item that was read. */
  readonly conditional?: { readonly collection: CollectionName; readonly id: string; readonly item: Item | undefined };
}

const unprotected = (): UnsupportedOperationError =>
  new UnsupportedOperationError('The DynamoDB store cannot protect queries inside a transaction from phantoms.');
