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

/** The error of a missing parent, named by the child's field that refers to it. */
export function missingReference(child: CollectionName, parent: CollectionName, id: string): StorageError {
  if (parent === 'templates') return new TemplateNotFoundError(id);
  const field = referencesFrom(child).find((reference) => reference.parent === parent)?.field ?? 'id';
  return new ReferenceNotFoundError(field, parent, id);
}

/**
 * What a rejected write means to the caller. The checks in a list stand for the parents of the put or patch in front
 * of them. Other errors come back as they are.
 */
export function rejectionToError(error: unknown, writes: readonly GuardedWrite[]): unknown {
  if (!(error instanceof WriteRejected)) return error;
  const write = writes[error.index] as GuardedWrite;
  const { collection, id, kind, expect } = write;
  switch (error.reason) {
    case 'exists':
      return new EntityExistsError(collection, id, versionOf(error.current));
    case 'missing': {
      const child = writes.slice(0, error.index).findLast((earlier) => earlier.kind !== 'check');
      if (kind !== 'check' || child === undefined) return new EntityNotFoundError(collection, id);
      return missingReference(child.collection, collection, id);
    }
    case 'conflict':
      return new ConcurrencyConflictError(collection, id, expect ?? 'exists', versionOf(error.current), error.current);
    case 'referenced':
      return new EntityInUseError(collection, id, error.reference?.collection ?? collection);
    case 'too_large': {
      const message = `would take more than ${MAX_ENTITY_BYTES} bytes as JSON (350 KB) after the update`;
      return new ValidationError([{ path: '', message }]);
    }
  }
}
