/**
 * The rules for references, on every store: a child needs its parents, a parent that is still referenced must not be
 * deleted, and a child may inherit a field from its parent. Stores enforce them as part of the atomic list of writes.
 */
import { type CollectionName, fieldsOf, type Reference, referencesFrom, referencesTo } from '../model/collections.ts';
import type { JsonObject } from '../model/entities.ts';
import type { CheckWrite } from './guarded-write.ts';

/** The references that keep an entity of a collection from being deleted while any child has one to it. */
export const blockingReferences = (collection: CollectionName): readonly Reference[] => referencesTo(collection);

/** The checks that every parent named in `fields` exists, one for each parent. */
export function parentChecks(collection: CollectionName, fields: JsonObject): CheckWrite[] {
  const checks = new Map<string, CheckWrite>();
  for (const { field, parent } of referencesFrom(collection)) {
    const id = fields[field];
    if (typeof id === 'string')
      checks.set(`${parent}/${id}`, { kind: 'check', collection: parent, id, expect: 'exists' });
  }
  return [...checks.values()];
}

/** Where an omitted field takes its value from. */
export interface DefaultSource {
  readonly field: string;
  /** The field that names the parent. */
  readonly reference: string;
  readonly parent: CollectionName;
}

/** The field of a collection whose default comes from a parent; undefined if the collection has none. */
export function defaultSource(collection: CollectionName): DefaultSource | undefined {
  for (const [field, { defaultFrom }] of fieldsOf(collection)) {
    const reference = referencesFrom(collection).find((candidate) => candidate.field === defaultFrom?.reference);
    if (reference !== undefined) return { field, reference: reference.field, parent: reference.parent };
  }
  return undefined;
}
