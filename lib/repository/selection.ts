/** Evaluates queries in memory, for stores and parts of queries without an index. */
import type { CollectionName } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { compareScalars, compareUtf8, isScalar } from '../model/order.ts';
import type { Position } from './query.ts';
import { type Order, type Predicate, positionOf } from './query.ts';

/** Whether an entity meets a predicate. Absent fields meet only `ne`. */
export function meets(entity: Entity, predicate: Predicate): boolean {
  const found = entity[predicate.field];
  if (!isScalar(found)) return predicate.operator === 'ne';
  if (predicate.operator === 'in') return predicate.values.includes(found);
  const { operator, value } = predicate;
  if (typeof found !== typeof value) return operator === 'ne';
  switch (operator) {
    case 'eq':
      return found === value;
    case 'ne':
      return found !== value;
    case 'gt':
      return compareScalars(found, value) > 0;
    case 'gte':
      return compareScalars(found, value) >= 0;
    case 'lt':
      return compareScalars(found, value) < 0;
    case 'lte':
      return compareScalars(found, value) <= 0;
    case 'begins_with':
      return typeof found === 'string' && found.startsWith(value as string);
  }
}

/** Compares positions in an order: absent values last in both directions, ties by id in the direction of the order. */
export function comparePositions(order: Order, a: Position, b: Position): number {
  const sign = order.descending ? -1 : 1;
  if (a.value === undefined || b.value === undefined) {
    if (a.value !== b.value) return a.value === undefined ? 1 : -1;
    return sign * compareUtf8(a.id, b.id);
  }
  return sign * (compareScalars(a.value, b.value) || compareUtf8(a.id, b.id));
}

/**
 * Selects the first `limit` of many entities in an order, after a position, holding at most `limit` of them at a time
 * (a binary heap with the last kept entity on top: n log limit comparisons).
 */
export class TopEntities {
  readonly #heap: { readonly position: Position; readonly entity: Entity }[] = [];
  #exceeded = false;

  readonly collection: CollectionName;
  readonly order: Order;
  readonly limit: number;
  readonly after: Position | undefined;

  constructor(collection: CollectionName, order: Order, limit: number, after?: Position | undefined) {
    this.collection = collection;
    this.order = order;
    this.limit = limit;
    this.after = after;
  }

  /** Whether entities beyond the kept ones were offered. */
  get more(): boolean {
    return this.#exceeded;
  }

  /** Whether `limit` entities are kept. */
  get isFull(): boolean {
    return this.#heap.length >= this.limit;
  }

  /** The kept entity that comes last. */
  get last(): Entity | undefined {
    return this.#heap[0]?.entity;
  }

  offer(entity: Entity): void {
    const { order, after } = this;
    const position = positionOf(this.collection, order, entity);
    if (after !== undefined && comparePositions(order, position, after) <= 0) return;
    const heap = this.#heap;
    if (heap.length < this.limit) {
      heap.push({ position, entity });
      this.#siftUp(heap.length - 1);
      return;
    }
    this.#exceeded = true;
    if (comparePositions(order, position, (heap[0] as { position: Position }).position) >= 0) return;
    heap[0] = { position, entity };
    this.#siftDown();
  }

  /** The kept entities in order. */
  inOrder(): Entity[] {
    return this.#heap
      .toSorted((a, b) => comparePositions(this.order, a.position, b.position))
      .map(({ entity }) => entity);
  }

  #isAfter(i: number, j: number): boolean {
    const [a, b] = [this.#heap[i], this.#heap[j]];
    return a !== undefined && b !== undefined && comparePositions(this.order, a.position, b.position) > 0;
  }

  #swap(i: number, j: number): void {
    const heap = this.#heap as object[];
    [heap[i], heap[j]] = [heap[j] as object, heap[i] as object];
  }

  #siftUp(start: number): void {
    for (let i = start; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!this.#isAfter(i, parent)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #siftDown(): void {
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      const last = this.#isAfter(left + 1, left) ? left + 1 : left;
      if (!this.#isAfter(last, i)) return;
      this.#swap(i, last);
      i = last;
    }
  }
}
