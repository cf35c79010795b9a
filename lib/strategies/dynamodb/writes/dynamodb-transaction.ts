import type { CollectionName, Reference } from '../../../model/collections.ts';
import type { Entity } from '../../../model/entities.ts';
import { BufferedSession } from '../../../repository/buffered-session.ts';
import { UnsupportedOperationError } from '../../../repository/errors.ts';
import type { Count, Page } from '../../../repository/storage-strategy.ts';
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
export class DynamodbTransaction extends BufferedSession {
  readonly #reader: DynamodbReader;
  readonly #tableName: (collection: CollectionName) => string;
  readonly #items = new Map<CollectionName, Map<string, Item | undefined>>();
  readonly #conditions = new Map<string, ExtraCondition[]>();

  constructor(reader: DynamodbReader, tableName: (collection: CollectionName) => string) {
    super();
    this.#reader = reader;
    this.#tableName = tableName;
  }

  query(): Promise<Page> {
    return Promise.reject(unprotected());
  }

  count(): Promise<Count> {
    return Promise.reject(unprotected());
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
    await this.settled();
    const writes: TransactionWrite[] = [];
    let changes = false;
    for (const [collection, items] of this.#items) {
      const table = this.#tableName(collection);
      for (const [id, item] of items) {
        const known = this.pending.of(collection).get(id);
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

  protected async fetch(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    const found = await this.#reader.items(collection, ids, true);
    const items = this.#items.get(collection) ?? new Map<string, Item | undefined>();
    this.#items.set(collection, items);
    for (const [i, id] of ids.entries()) items.set(id, found[i]);
    return found.map((item) => (item === undefined || isHidden(item) ? undefined : entityOf(collection, item)));
  }

  protected isReferencedInStore(
    { collection, field }: Reference,
    id: string,
    except: ReadonlySet<string>,
  ): Promise<boolean> {
    return this.#reader.isReferenced(collection, field, id, [...except]);
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
