import { type CollectionName, idFieldOf } from '../model/collections.ts';
import type { EntityInput, EntityOf } from '../model/entities.ts';
import { checkEntity } from '../model/validation.ts';
import {
  ConcurrencyConflictError,
  EntityExistsError,
  ReferenceNotFoundError,
  type StorageError,
  StorageUnavailableError,
  ValidationError,
} from '../repository/errors.ts';
import { idOf } from '../repository/guarded-write.ts';
import type { BatchSaveResult } from '../repository/repository.ts';
import type { ApiClient } from './api-client.ts';
import {
  asStored,
  MAX_CALL_BYTES,
  partsThatFit,
  requireBatch,
  requireDistinct,
  type Saved,
  saveTogether,
  sizeInCall,
  type ToSave,
  type Written,
} from './batch-calls.ts';
import { AnswerLostError } from './remote-errors.ts';

interface IndexedToSave extends ToSave {
  /** Its index in the batch. */
  readonly index: number;
}

function failure(id: unknown, error: StorageError): BatchSaveResult<never> {
  const known = typeof id === 'string' ? id : undefined;
  if (error instanceof ConcurrencyConflictError || error instanceof EntityExistsError) {
    return { status: 'conflict', id: known, error };
  }
  const invalid = error instanceof ValidationError || error instanceof ReferenceNotFoundError;
  return { status: invalid ? 'invalid' : 'failed', id: known, error };
}

/**
 * Saves the parts one after another. If one fails because the service is unavailable, its entities and all later ones are
 * marked as failed, and no later part is sent.
 * @throws if the first part was not executed: then nothing is stored
 */
async function saveParts(
  api: ApiClient,
  collection: CollectionName,
  valid: readonly IndexedToSave[],
): Promise<Saved[]> {
  const saved: Saved[] = [];
  let failed: StorageError | undefined;
  for (const part of partsThatFit(valid, ({ body }) => sizeInCall(body), MAX_CALL_BYTES)) {
    if (failed !== undefined) {
      const message = 'The entity was not sent because those before it could not be saved. Try again in a while.';
      const error = new StorageUnavailableError(message, { cause: failed });
      saved.push(...part.map(() => ({ error })));
      continue;
    }
    try {
      saved.push(...(await saveTogether(api, collection, part)));
    } catch (error) {
      const known = error instanceof AnswerLostError || (saved.length > 0 && error instanceof StorageUnavailableError);
      if (!known) throw error;
      failed = error;
      saved.push(...part.map(() => ({ error })));
    }
  }
  return saved;
}

/** Saves entities, each on its own, and returns one result per entity in order. */
export async function saveBatch<C extends CollectionName>(
  api: ApiClient,
  collection: C,
  entities: readonly EntityInput<C>[],
): Promise<BatchSaveResult<C>[]> {
  requireBatch('entities', entities);
  requireDistinct(collection, entities);
  const results: BatchSaveResult<C>[] = [];
  const valid: IndexedToSave[] = [];
  for (const [index, entity] of entities.entries()) {
    const { fields, version, problems } = checkEntity(collection, entity);
    if (problems.length > 0) {
      results[index] = failure(fields[idFieldOf(collection)], new ValidationError(problems));
      continue;
    }
    const target = { collection, id: idOf(collection, fields), expect: version, fields };
    valid.push({ index, target, body: version === undefined ? fields : { ...fields, version } });
  }
  const saved = await saveParts(api, collection, valid);
  const written = valid.flatMap(({ target: { id }, body: fields }, i): Written[] => {
    const outcome = saved[i] as Saved;
    return 'version' in outcome ? [{ id, fields, version: outcome.version }] : [];
  });
  const stored = await asStored(api, collection, written);
  for (const [i, { index, target }] of valid.entries()) {
    const outcome = saved[i] as Saved;
    results[index] =
      'error' in outcome
        ? failure(target.id, outcome.error)
        : { status: 'saved', id: target.id, entity: stored.get(target.id) as EntityOf<C> };
  }
  return results;
}
