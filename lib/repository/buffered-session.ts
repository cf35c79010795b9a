import type { CollectionName, Reference } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import type { GuardedWrite } from './guarded-write.ts';
import { copyOf, PendingWrites } from './pending-writes.ts';
import type { Predicate, Query } from './query.ts';
import { SerialQueue } from './serial-queue.ts';
import type { Count, Page, StoreSession } from './storage-strategy.ts';

/**
 * A transaction that reads entities when they are needed, decides guards in memory by the rules that all stores share, and
 * buffers its writes until the end. Stores say how entities are read, and commit what is pending in their own way.
 */
export abstract class BufferedSession implements StoreSession {
  protected readonly pending = new PendingWrites();
  readonly #calls = new SerialQueue();

  get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    return this.inTurn(async () => {
      await this.read(collection, ids);
      return ids.map((id) => copyOf(this.pending.current(collection, id)));
    });
  }

  write(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    return this.inTurn(async () => {
      await this.readTargets(writes);
      return (await this.decide(writes)).map(copyOf);
    });
  }

  abstract query(collection: CollectionName, query: Query): Promise<Page>;

  abstract count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Promise<Count>;

  /** Waits until no call is under way. */
  protected settled(): Promise<void> {
    return this.#calls.settled();
  }

  /** Runs calls one after another: callers may start several at once. */
  protected inTurn<T>(call: () => Promise<T>): Promise<T> {
    return this.#calls.run(call);
  }

  /** Reads entities from the store, in the order of their ids. They have not been read before. */
  protected abstract fetch(
    collection: CollectionName,
    ids: readonly string[],
  ): Promise<readonly (Entity | undefined)[]>;

  /** Whether the store holds an entity that refers to an id, other than those in `except`, which are known to refer to it. */
  protected abstract isReferencedInStore(
    reference: Reference,
    id: string,
    except: ReadonlySet<string>,
  ): Promise<boolean>;

  /** Reads the entities that are not known yet. */
  protected async read(collection: CollectionName, ids: Iterable<string>): Promise<void> {
    const unknown = this.pending.unknown(collection, ids);
    if (unknown.length === 0) return;
    const found = await this.fetch(collection, unknown);
    for (const [i, id] of unknown.entries()) this.pending.setStored(collection, id, found[i]);
  }

  /** Reads the entities that writes depend on. */
  protected async readTargets(writes: readonly GuardedWrite[]): Promise<void> {
    for (const [collection, same] of Map.groupBy(writes, (write) => write.collection)) {
      await this.read(
        collection,
        same.map(({ id }) => id),
      );
    }
  }

  /** Applies a list of writes in memory, or none of them. @throws WriteRejected */
  protected decide(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    return this.pending.decide(writes, (reference, id) => this.#isReferenced(reference, id));
  }

  async #isReferenced(reference: Reference, id: string): Promise<boolean> {
    const { collection, field } = reference;
    const moved = new Set<string>();
    for (const [child, { stored, current }] of this.pending.of(collection)) {
      if (current?.[field] === id) return true;
      // This transaction has moved or deleted it.
      if (stored?.[field] === id) moved.add(child);
    }
    return this.isReferencedInStore(reference, id, moved);
  }
}
