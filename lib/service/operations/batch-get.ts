import type { CollectionName } from '../../model/collections.ts';
import type { EntityOf } from '../../model/entities.ts';
import { childPath, type Problem } from '../../model/json-values.ts';
import { idProblem } from '../../model/validation.ts';
import { ValidationError } from '../../repository/errors.ts';
import type { Repository } from '../../repository/repository.ts';
import { ENVELOPE_BYTES, entityTooLarge, MAX_ANSWER_BYTES, sizeInAnswer } from '../http/answer-size.ts';
import { batchGetBody } from '../http/body-schemas.ts';
import { checkBody } from '../http/check-body.ts';
import { refuseQuery } from '../http/parameters.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';

/** Ids read at a time, so that memory never holds many more large entities than fit into one answer. */
const CHUNK = 250;

function requireIds(collection: CollectionName, ids: readonly unknown[]): asserts ids is readonly string[] {
  const problems = ids.flatMap((id, i): Problem[] => {
    const message = idProblem(collection, id);
    return message === undefined ? [] : [{ path: childPath('ids', i), message }];
  });
  if (problems.length > 0) throw new ValidationError(problems);
}

async function getUntilFull<C extends CollectionName>(repository: Repository, collection: C, ids: readonly string[]) {
  const items: EntityOf<C>[] = [];
  const missing: string[] = [];
  // Any id may end up under missing or unprocessed; the entities share the remaining bytes.
  let bytesLeft = MAX_ANSWER_BYTES - ENVELOPE_BYTES - sizeInAnswer(ids);
  for (let start = 0; start < ids.length; start += CHUNK) {
    const chunk = ids.slice(start, start + CHUNK);
    const found = await repository.getEntities(collection, chunk);
    const absent = new Set(found.missing);
    const present = found.items.values();
    for (const [i, id] of chunk.entries()) {
      // Items come in the order of the ids.
      const item = absent.has(id) ? undefined : present.next().value;
      if (item === undefined) {
        missing.push(id);
        continue;
      }
      bytesLeft -= sizeInAnswer(item) + 1;
      if (bytesLeft < 0) return { items, missing, unprocessed: ids.slice(start + i) };
      items.push(item);
    }
  }
  return { items, missing };
}

/** `POST /v1/batch/get`: up to 1,000 entities by id; ids whose entities do not fit into the answer are listed under `unprocessed`. */
export const batchGet: ServiceFunction = async (repository, request) => {
  refuseQuery(request);
  const { collection, ids } = checkBody(batchGetBody, request.body);
  requireIds(collection, ids);
  const result = await getUntilFull(repository, collection, [...new Set(ids)]);
  // A caller would repeat a call that makes no progress forever.
  if (result.items.length === 0 && result.missing.length === 0) throw entityTooLarge();
  return jsonAnswer(200, result);
};
