/** `POST /v1/transactions`: lists of operations that take effect all together or not at all. */

import type { CollectionName } from '../model/collections.ts';
import type { EntityOf, JsonObject } from '../model/entities.ts';
import { MAX_TRANSACTION_ENTITIES } from '../model/limits.ts';
import { checkEntity } from '../model/validation.ts';
import { type StorageError, UnsupportedOperationError, ValidationError } from '../repository/errors.ts';
import { idOf } from '../repository/guarded-write.ts';
import type { NewEntity } from '../repository/repository.ts';
import { requireCollection } from '../repository/session-operations.ts';
import type { TransactionOperation } from '../service/http/body-schemas.ts';
import { type ApiCall, type ApiClient, ApiProblem, type Effect } from './api-client.ts';
import { asStored, type Written } from './batch-calls.ts';
import { writeError } from './entity-calls.ts';
import { errorOf, type Target } from './remote-errors.ts';

export type { TransactionOperation };

const targetOf = (operation: TransactionOperation): Target => ({
  collection: operation.collection,
  id: operation.id,
  expect: operation.expected_version ?? (operation.action === 'check' ? 'exists' : undefined),
  ...('entity' in operation && { fields: operation.entity }),
  ...('changes' in operation && { fields: operation.changes }),
});

/** A list is safe to retry if each of its writes expects a version. */
function effectOf(operations: readonly TransactionOperation[]): Effect {
  const writes = operations.filter(({ action }) => action !== 'check');
  if (writes.length === 0) return 'read';
  return writes.every(({ expected_version }) => expected_version !== undefined) ? 'guarded' : 'unguarded';
}

/**
 * Executes operations together.
 * @throws ApiProblem, and whatever a call may throw
 */
export async function sendTransaction(api: ApiClient, operations: readonly TransactionOperation[]): Promise<void> {
  const call: ApiCall = {
    method: 'POST',
    path: '/v1/transactions',
    body: { operations },
    effect: effectOf(operations),
  };
  await api.call(call);
}

/** The error for the problem of a transaction, by the operation that it names. */
export async function transactionError(
  api: ApiClient,
  problem: ApiProblem,
  operations: readonly TransactionOperation[],
): Promise<StorageError> {
  const operation = operations[problem.problem.operation_index ?? -1];
  return operation === undefined ? errorOf(problem.problem) : writeError(api, problem, targetOf(operation));
}

/** Like `sendTransaction`, but throws the repository's errors. */
export async function executeTransaction(api: ApiClient, operations: readonly TransactionOperation[]): Promise<void> {
  try {
    await sendTransaction(api, operations);
  } catch (error) {
    throw error instanceof ApiProblem ? await transactionError(api, error, operations) : error;
  }
}

interface Creation {
  readonly collection: CollectionName;
  readonly id: string;
  readonly fields: JsonObject;
}

/** @throws ValidationError */
function checked({ collection, entity }: NewEntity): Creation {
  requireCollection(collection);
  const { fields, version = 0, problems } = checkEntity(collection, entity);
  if (problems.length > 0) throw new ValidationError(problems);
  if (version !== 0) {
    const message = `is ${version}, but the call creates a new entity; leave it out`;
    throw new ValidationError([{ path: 'version', message }]);
  }
  return { collection, id: idOf(collection, fields), fields };
}

function requireDistinct(creations: readonly Creation[]): void {
  const seen = new Set<string>();
  for (const { collection, id } of creations) {
    const key = `${collection}/${id}`;
    if (seen.has(key)) {
      const message = `names ${collection} ${JSON.stringify(id)} twice`;
      throw new ValidationError([{ path: 'entities', message }]);
    }
    seen.add(key);
  }
}

/** Creates entities in one transaction of saves that each expect the entity not to exist. */
export async function createTogether(
  api: ApiClient,
  entities: readonly NewEntity[],
): Promise<EntityOf<CollectionName>[]> {
  const creations = entities.map(checked);
  requireDistinct(creations);
  if (creations.length === 0) return [];
  if (creations.length > MAX_TRANSACTION_ENTITIES) {
    throw new UnsupportedOperationError(
      `Over HTTP at most ${MAX_TRANSACTION_ENTITIES} entities can be created together, not ${creations.length}. For a ` +
        'request with its machines use provision (POST /v1/provision-requests), which takes up to 10,000.',
    );
  }
  await executeTransaction(
    api,
    creations.map(({ collection, id, fields }) => ({
      action: 'save',
      collection,
      id,
      entity: fields,
      expected_version: 0,
    })),
  );
  const stored = new Map<CollectionName, Awaited<ReturnType<typeof asStored>>>();
  for (const [collection, group] of Map.groupBy(creations, (creation) => creation.collection)) {
    const written = group.map(({ id, fields }): Written => ({ id, fields, version: 1 }));
    stored.set(collection, await asStored(api, collection, written));
  }
  return creations.map(({ collection, id }) => stored.get(collection)?.get(id) as EntityOf<CollectionName>);
}
