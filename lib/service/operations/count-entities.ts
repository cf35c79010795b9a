import { MAX_ANSWER_BYTES, sizeInAnswer } from '../http/answer-size.ts';
import { collectionOf } from '../http/parameters.ts';
import { countOptions } from '../http/query-parameters.ts';
import { RequestError } from '../http/request-error.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';

/** `GET /v1/counts/{collection}?…`: the number of entities, optionally grouped by a field. */
export const countEntities: ServiceFunction = async (repository, request) => {
  const collection = collectionOf(request);
  const options = countOptions(collection, request.query);
  const { count, groups } = await repository.countEntities(collection, options);
  if (groups !== undefined && sizeInAnswer(groups) > MAX_ANSWER_BYTES) {
    const detail =
      `The groups by ${options.groupBy} take more than ${MAX_ANSWER_BYTES} bytes. Group by a field with fewer values, ` +
      'or filter more.';
    throw new RequestError('answer_too_large', detail);
  }
  return jsonAnswer(200, { count, ...(groups !== undefined && { groups }) });
};
