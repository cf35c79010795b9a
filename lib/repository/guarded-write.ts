/**
 * The only kind of write. A store commits an atomic list of guarded writes; the meaning of guards and writes is defined
 * once, here, so that every store behaves the same.
 */
import { type CollectionName, idFieldOf, type Reference } from '../model/collections.ts';
import type { Entity, JsonObject, JsonValue } from '../model/entities.ts';
import { setOwn } from '../model/json-values.ts';

/** The version that an entity must have: 0 for "must not exist", 'exists' for any version, undefined for no expectation. */
export type Expectation = number | 'exists' | undefined;

interface Guarded {
  readonly collection: CollectionName;
  readonly id: string;
  readonly expect?: Expectation;
}

/** Creates the entity or replaces it completely. `created_at` in `fields` counts only for a new entity. */
export interface PutWrite extends Guarded {
  readonly kind: 'put';
  readonly fields: JsonObject;
  /** Time of the write. */
  readonly at: string;
}

/** Replaces and removes top-level fields of an existing entity. */
export interface PatchWrite extends Guarded {
  readonly kind: 'patch';
  readonly set: JsonObject;
  readonly remove: readonly string[];
  readonly at: string;
}

/** Deletes an existing entity to which none of `unreferencedBy` may refer. */
export interface DeleteWrite extends Guarded {
  readonly kind: 'delete';
  readonly unreferencedBy: readonly Reference[];
}

/** Writes nothing; the expectation must hold when the list commits. */
export interface CheckWrite extends Guarded {
  readonly kind: 'check';
}

export type GuardedWrite = PutWrite | PatchWrite | DeleteWrite | CheckWrite;

export type RejectionReason = 'conflict' | 'exists' | 'missing' | 'referenced' | 'too_large';

/** Thrown by a store if a guard of an atomic list does not hold. Nothing of the list was written. */
export class WriteRejected extends Error {
  readonly index: number;
  readonly reason: RejectionReason;
  readonly current: Entity | undefined;
  readonly reference: Reference | undefined;

  /**
   * @param index position of the write in its list
   * @param current the current entity, if it exists
   * @param reference for 'referenced': the reference that still points to the entity
   */
  constructor(index: number, reason: RejectionReason, current?: Entity | undefined, reference?: Reference) {
    super(reason);
    this.index = index;
    this.reason = reason;
    this.current = current;
    this.reference = reference;
  }
}

/** Version of an entity, 0 if there is none; records of other programs may have no version, which counts as 1. */
export const versionOf = (entity: Partial<Entity> | undefined): number =>
  entity === undefined ? 0 : (entity.version ?? 1);

/** Why a write over `current` must be rejected, or undefined. The store itself looks up references to a deleted entity. */
export function guardFailure(write: GuardedWrite, current: Entity | undefined): RejectionReason | undefined {
  const { kind, expect } = write;
  if (current === undefined) {
    if (kind === 'patch' || kind === 'delete') return 'missing';
    if (kind === 'check' && expect === 'exists') return 'missing';
    return expect === undefined || expect === 0 ? undefined : 'conflict';
  }
  if (expect === undefined || expect === 'exists' || expect === versionOf(current)) return undefined;
  return expect === 0 ? 'exists' : 'conflict';
}

/**
 * The entity that results from a put.
 * @param createdAt the `created_at` of the entity that it replaces
 */
export function putEntity(write: PutWrite, createdAt: JsonValue | undefined, version: number): Entity {
  const { created_at = write.at, ...fields } = write.fields;
  return { ...fields, created_at: createdAt ?? created_at, updated_at: write.at, version };
}

/** The entity that results from a put or patch. The guard must hold. */
export function applyWrite(write: PutWrite | PatchWrite, current: Entity | undefined): Entity {
  const version = versionOf(current) + 1;
  if (write.kind === 'put') return putEntity(write, current?.created_at, version);
  const entity: Entity = { ...(current as Entity) };
  for (const field of write.remove) delete entity[field];
  for (const field of Object.keys(write.set)) setOwn(entity, field, write.set[field]);
  entity.updated_at = write.at;
  entity.version = version;
  return entity;
}

/** What a loaded entity may replace: an older version, also the same version, or any version, even a newer one. */
export type LoadOver = 'older' | 'same' | 'any';

/** Whether an entity with a version may be loaded over the current one. */
export const mayLoad = (over: LoadOver, version: number, current: Partial<Entity> | undefined): boolean =>
  over === 'any' || versionOf(current) < version || (over === 'same' && versionOf(current) === version);

/** The newest version of each entity, by id: the result of loading all of them. */
export function newestById(collection: CollectionName, entities: readonly Entity[]): Map<string, Entity> {
  const newest = new Map<string, Entity>();
  for (const entity of entities) {
    const id = idOf(collection, entity);
    if (versionOf(newest.get(id)) < versionOf(entity)) newest.set(id, entity);
  }
  return newest;
}

/** The id of an entity. */
export const idOf = (collection: CollectionName, entity: Readonly<Record<string, unknown>>): string =>
  entity[idFieldOf(collection)] as string;
