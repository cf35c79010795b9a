import type { CollectionName } from '../model/collections.ts';
import { referencesFrom } from '../model/collections.ts';
import { MAX_ENTITY_BYTES } from '../model/limits.ts';
import {
  ConcurrencyConflictError,
  EntityExistsError,
  EntityInUseError,
  EntityNotFoundError,
  ReferenceNotFoundError,
  type StorageError,
  TemplateNotFoundError,
  ValidationError,
} from './errors.ts';
import { type GuardedWrite, versionOf, WriteRejected } from './guarded-write.ts';

/** The error for a missing parent, which names the child's field that refers to it. */
export function missingReference(child: CollectionName, parent: CollectionName, id: string): StorageError {
  if (parent === 'templates') return new TemplateNotFoundError(id);
  const field = referencesFrom(child).find((reference) => reference.parent === parent)?.field ?? 'id';
  return new ReferenceNotFoundError(field, parent, id);
}

/** The write of the list that refers to an entity, which is why the entity was checked. */
const childOf = (writes: readonly GuardedWrite[], { collection, id }: GuardedWrite): GuardedWrite | undefined =>
  writes.find((write) => {
    if (write.kind !== 'put' && write.kind !== 'patch') return false;
    const fields = write.kind === 'put' ? write.fields : write.set;
    return referencesFrom(write.collection).some(({ field, parent }) => parent === collection && fields[field] === id);
  });

/** Turns a rejected write into the caller's error. Other errors are returned unchanged. */
export function rejectionToError(error: unknown, writes: readonly GuardedWrite[]): unknown {
  if (!(error instanceof WriteRejected)) return error;
  const write = writes[error.index] as GuardedWrite;
  const { collection, id, kind, expect } = write;
  switch (error.reason) {
    case 'exists':
      return new EntityExistsError(collection, id, versionOf(error.current));
    case 'missing': {
      const child = kind === 'check' ? childOf(writes, write) : undefined;
      if (child === undefined) return new EntityNotFoundError(collection, id);
      return missingReference(child.collection, collection, id);
    }
    case 'conflict':
      return new ConcurrencyConflictError(collection, id, expect ?? 'exists', versionOf(error.current), error.current);
    case 'referenced':
      return new EntityInUseError(collection, id, error.reference?.collection ?? collection);
    case 'too_large': {
      const message = `would be larger after the update than an entity may be (${MAX_ENTITY_BYTES} bytes as JSON, 350 KB)`;
      return new ValidationError([{ path: '', message }]);
    }
  }
}
