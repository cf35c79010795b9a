import { type CollectionName, collectionNames, type Reference } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import { cloneJson } from '../../model/json-values.ts';
import type { Scalar } from '../../model/order.ts';
import { MAY_BE_TOO_LARGE } from '../../model/validation.ts';
import { applyWrite, type GuardedWrite, guardFailure } from '../../repository/guarded-write.ts';
import { rejected, requireSize } from '../../repository/pending-writes.ts';
import type { Predicate, Query } from '../../repository/query.ts';
import { meets, TopEntities } from '../../repository/selection.ts';
import type { Count, Page } from '../../repository/storage-strategy.ts';
import type { EntityTable } from './entity-table.ts';
import { deleteText, putText } from './journal-format.ts';
import type { Tables } from './layout.ts';

/** The result of a write: the entity, or null if it was deleted. With its JSON text, for the journal. */
interface Change {
  readonly entity: Entity | null;
  readonly text: string;
}

type Changes = Map<string, Change>;

/**
 * The tables overlaid with uncommitted changes: what a transaction sees, and what one list of a group commit sees of the
 * lists before it.
 */
export class View {
  readonly #tables: Tables;
  readonly #changes = new Map<CollectionName, Changes>(collectionNames.map((name) => [name, new Map()]));
  #textLength = 0;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Length of all operations written so far, an upper bound for the result of `operations`. */
  get textLength(): number {
    return this.#textLength;
  }

  /** The entity itself: not to be changed or handed out. */
  get(collection: CollectionName, id: string): Entity | undefined {
    const change = this.#changesOf(collection).get(id);
    return change === undefined ? this.#table(collection).get(id) : (change.entity ?? undefined);
  }

  query(collection: CollectionName, { predicates, order, limit, after, explain }: Query): Page {
    const top = new TopEntities(collection, order, limit, after);
    const { index, candidates } = this.#candidates(collection, predicates);
    let read = 0;
    for (const entity of candidates) {
      read++;
      if (predicates.every((predicate) => meets(entity, predicate))) top.offer(entity);
    }
    const page = { items: top.inOrder().map((entity) => cloneJson(entity)), more: top.more };
    return explain ? { ...page, explanation: { index, read } } : page;
  }

  count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Count {
    let count = 0;
    const groups = new Map<string, number>();
    for (const entity of this.#candidates(collection, predicates).candidates) {
      if (!predicates.every((predicate) => meets(entity, predicate))) continue;
      count++;
      const group = groupBy === undefined ? undefined : entity[groupBy];
      if (typeof group !== 'string' && typeof group !== 'number') continue;
      groups.set(String(group), (groups.get(String(group)) ?? 0) + 1);
    }
    return groupBy === undefined ? { count } : { count, groups };
  }

  /**
   * Performs all writes of a list, or none.
   * @returns the resulting entity of each: the object itself, not to be handed out
   * @throws WriteRejected
   */
  write(writes: readonly GuardedWrite[]): (Entity | undefined)[] {
    const undo: [Changes, string, Change | undefined][] = [];
    try {
      return writes.map((write, i) => {
        const current = this.get(write.collection, write.id);
        const reason = guardFailure(write, current);
        if (reason !== undefined) throw rejected(i, reason, current);
        if (write.kind === 'check') return undefined;
        const changes = this.#changesOf(write.collection);
        undo.push([changes, write.id, changes.get(write.id)]);
        const change = this.#changeOf(write, current, i);
        changes.set(write.id, change);
        this.#textLength += change.text.length;
        return change.entity ?? undefined;
      });
    } catch (error) {
      for (const [changes, id, before] of undo.reverse()) {
        if (before === undefined) changes.delete(id);
        else changes.set(id, before);
      }
      throw error;
    }
  }

  /** The operations that commit the changes, as the journal holds them. */
  operations(): string[] {
    return [...this.#changes.values()].flatMap((changes) => [...changes.values()].map(({ text }) => text));
  }

  /** Applies the changes to the tables. @param changed called with every collection that has some */
  apply(changed: (collection: CollectionName) => void): void {
    for (const [collection, changes] of this.#changes) {
      if (changes.size > 0) changed(collection);
      for (const [id, { entity }] of changes) {
        if (entity === null) this.#table(collection).delete(id);
        else this.#table(collection).put(id, entity);
      }
    }
  }

  #changeOf(write: Exclude<GuardedWrite, { kind: 'check' }>, current: Entity | undefined, index: number): Change {
    const { collection, id } = write;
    if (write.kind === 'delete') {
      const reference = write.unreferencedBy.find((candidate) => this.#isReferenced(candidate, id));
      if (reference !== undefined) throw rejected(index, 'referenced', current, reference);
      return { entity: null, text: deleteText(collection, id) };
    }
    const entity = applyWrite(write, current);
    const json = JSON.stringify(entity);
    // Most texts are so short that nothing has to be measured.
    if (3 * json.length > MAY_BE_TOO_LARGE) requireSize(write, entity, index, current);
    return { entity, text: putText(collection, id, json) };
  }

  #isReferenced({ collection, field }: Reference, id: string): boolean {
    const changes = this.#changesOf(collection);
    for (const { entity } of changes.values()) if (entity?.[field] === id) return true;
    for (const child of this.#table(collection).idsBy(field, id)) if (!changes.has(child)) return true;
    return false;
  }

  /** The entities that can meet the predicates, by the index that leaves the fewest. */
  #candidates(
    collection: CollectionName,
    predicates: readonly Predicate[],
  ): { index: string; candidates: Iterable<Entity> } {
    const table = this.#table(collection);
    const changes = this.#changesOf(collection);
    let best: { field: string; ids: readonly ReadonlySet<string>[]; size: number } | undefined;
    for (const predicate of predicates) {
      if ((predicate.operator !== 'eq' && predicate.operator !== 'in') || !table.hasIndex(predicate.field)) continue;
      const values: readonly Scalar[] = predicate.operator === 'in' ? predicate.values : [predicate.value];
      const ids = values.map((value) => table.idsBy(predicate.field, value));
      const size = ids.reduce((sum, set) => sum + set.size, 0);
      if (best === undefined || size < best.size) best = { field: predicate.field, ids, size };
    }
    if (best === undefined) return { index: 'scan', candidates: withChanges(table.entries(), changes) };
    const found = best.ids.values().flatMap((ids) => ids.values().map((id) => [id, table.get(id) as Entity] as const));
    return { index: `${best.field}-created_at-index`, candidates: withChanges(found, changes) };
  }

  #table(collection: CollectionName): EntityTable {
    return this.#tables.get(collection) as EntityTable;
  }

  #changesOf(collection: CollectionName): Changes {
    return this.#changes.get(collection) as Changes;
  }
}

function* withChanges(entities: Iterable<readonly [string, Entity]>, changes: Changes): Generator<Entity> {
  for (const [id, entity] of entities) if (!changes.has(id)) yield entity;
  for (const { entity } of changes.values()) if (entity !== null) yield entity;
}
