import { EntityNotFoundError } from '../../repository/errors.ts';
import { callerHas, etagOf } from '../http/etags.ts';
import { targetOf } from '../http/parameters.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';

/** `GET /v1/{collection}/{id}`: the entity, or 304 if `If-None-Match` names its version. */
export const getEntity: ServiceFunction = async (repository, request) => {
  const { collection, id } = targetOf(request);
  const entity = await repository.getEntity(collection, id);
  if (entity === undefined) throw new EntityNotFoundError(collection, id);
  const etag = etagOf(entity);
  // The caller may cache the entity but must revalidate it each time.
  const headers = { ETag: etag, 'Cache-Control': 'private, no-cache' };
  return callerHas(request, etag) ? { status: 304, headers } : jsonAnswer(200, entity, headers);
};
