import type { CollectionName } from '../model/collections.ts';
import type { EntityOf, JsonObject } from '../model/entities.ts';
import { MAX_TRANSACTION_ENTITIES } from '../model/limits.ts';
import { checkEntity } from '../model/validation.ts';
import { UnsupportedOperationError, ValidationError } from '../repository/errors.ts';
import { idOf } from '../repository/guarded-write.ts';
import type { NewEntity } from '../repository/repository.ts';
import { requireCollection } from '../repository/session-operations.ts';
import type { ApiClient } from './api-client.ts';
import { asStored, type Written } from './as-stored.ts';
import { executeTransaction } from './transaction-calls.ts';

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
    const message = `is ${version}, but the call expects a new entity; leave it out`;
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

/** Creates entities by one transaction of saves that each ask for a new entity. */
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
