import { checkQuery } from '../../repository/check-query.ts';
import { encodeCursor } from '../../repository/cursor.ts';
import { positionOf } from '../../repository/query.ts';
import { countThatFits, ENVELOPE_BYTES, entityTooLarge, MAX_ANSWER_BYTES } from '../http/answer-size.ts';
import { collectionOf } from '../http/parameters.ts';
import { queryOptions } from '../http/query-parameters.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';

/** `GET /v1/{collection}?…`: one page. It ends before `limit` if the answer is full. */
export const queryEntities: ServiceFunction = async (repository, request) => {
  const collection = collectionOf(request);
  const options = queryOptions(collection, request.query);
  const { items, nextCursor } = await repository.queryEntities(collection, options);
  const count = countThatFits(items, MAX_ANSWER_BYTES - ENVELOPE_BYTES);
  if (count === items.length) {
    return jsonAnswer(200, { items, ...(nextCursor !== undefined && { next_cursor: nextCursor }) });
  }
  const last = items[count - 1];
  if (last === undefined) throw entityTooLarge();
  const query = checkQuery(collection, options);
  const cursor = encodeCursor(collection, query, positionOf(collection, query.order, last));
  return jsonAnswer(200, { items: items.slice(0, count), next_cursor: cursor });
};
