import type { CollectionName, Reference } from '../model/collections.ts';
import { collectionNames } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { cloneJson } from '../model/json-values.ts';
import { sizeProblem } from '../model/validation.ts';
import { applyWrite, type GuardedWrite, guardFailure, type RejectionReason, WriteRejected } from './guarded-write.ts';

/** An entity that a transaction has read or written. */
export interface Known {
  /** The entity in the store, from the transaction's point of view. */
  stored: Entity | undefined;
  /** The entity after the writes of the transaction so far. */
  current: Entity | undefined;
}

/** A copy for a caller, who owns it. */
export const copyOf = (entity: Entity | undefined): Entity | undefined =>
  entity === undefined ? undefined : cloneJson(entity);

/**
 * The entities that a transaction has read, and its buffered writes. Guards are decided here, in memory, for every store
 * whose transactions send their writes at the end.
 */
export class PendingWrites {
  readonly #known = new Map<CollectionName, Map<string, Known>>(collectionNames.map((name) => [name, new Map()]));

  /** The known entities of a collection, by id. */
  of(collection: CollectionName): ReadonlyMap<string, Known> {
    return this.#known.get(collection) as Map<string, Known>;
  }

  /** Records an entity as read from the store. */
  setStored(collection: CollectionName, id: string, stored: Entity | undefined): void {
    this.#known.get(collection)?.set(id, { stored, current: stored });
  }

  /** The ids among these that are not known yet, each once. */
  unknown(collection: CollectionName, ids: Iterable<string>): string[] {
    const known = this.of(collection);
    return [...new Set(ids)].filter((id) => !known.has(id));
  }

  current(collection: CollectionName, id: string): Entity | undefined {
    return this.of(collection).get(id)?.current;
  }

  /**
   * Applies all writes of a list in memory, or none. Their targets must be known.
   * @param isReferenced whether an entity of the reference's collection refers to an id
   * @returns the resulting entity of each: the object itself, not to be handed out
   * @throws WriteRejected
   */
  async decide(
    writes: readonly GuardedWrite[],
    isReferenced: (reference: Reference, id: string) => Promise<boolean>,
  ): Promise<(Entity | undefined)[]> {
    const undo: [Known, Entity | undefined][] = [];
    const results: (Entity | undefined)[] = [];
    try {
      for (const [i, write] of writes.entries()) {
        const known = this.of(write.collection).get(write.id) as Known;
        const reason = guardFailure(write, known.current);
        if (reason !== undefined) throw rejected(i, reason, known.current);
        if (write.kind === 'check') {
          results.push(undefined);
          continue;
        }
        const next = await resultOf(write, known.current, i, isReferenced);
        undo.push([known, known.current]);
        known.current = next;
        results.push(next);
      }
      return results;
    } catch (error) {
      for (const [known, before] of undo.reverse()) known.current = before;
      throw error;
    }
  }
}

async function resultOf(
  write: Exclude<GuardedWrite, { kind: 'check' }>,
  current: Entity | undefined,
  index: number,
  isReferenced: (reference: Reference, id: string) => Promise<boolean>,
): Promise<Entity | undefined> {
  if (write.kind === 'delete') {
    for (const reference of write.unreferencedBy) {
      if (await isReferenced(reference, write.id)) throw rejected(index, 'referenced', current, reference);
    }
    return undefined;
  }
  const entity = applyWrite(write, current);
  requireSize(write, entity, index, current);
  return entity;
}

/**
 * The size of a put was checked with the input; that of a patched entity is known only when its result is.
 * @throws WriteRejected if it is too large
 */
export function requireSize(write: GuardedWrite, entity: Entity, index: number, current: Entity | undefined): void {
  if (write.kind === 'patch' && sizeProblem(entity) !== undefined) throw rejected(index, 'too_large', current);
}

/** The refusal of a write of a list, with a copy of the entity that stands against it. */
export const rejected = (
  index: number,
  reason: RejectionReason,
  current?: Entity,
  reference?: Reference,
): WriteRejected => new WriteRejected(index, reason, copyOf(current), reference);
