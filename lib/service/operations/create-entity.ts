import type { EntityInput } from '../../model/entities.ts';
import { idOf } from '../../repository/guarded-write.ts';
import { requireBody } from '../http/check-body.ts';
import { etagOf } from '../http/etags.ts';
import { locationOf } from '../http/locations.ts';
import { collectionOf, refuseQuery } from '../http/parameters.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';

/** `POST /v1/{collection}`: creates an entity that must not exist yet. */
export const createEntity: ServiceFunction = async (repository, request) => {
  const collection = collectionOf(request);
  refuseQuery(request);
  const body = requireBody(request.body) as EntityInput<typeof collection>;
  const entity = await repository.saveEntity(collection, body, { expectedVersion: 0 });
  const location = locationOf(collection, idOf(collection, entity));
  return jsonAnswer(201, entity, { Location: location, ETag: etagOf(entity) });
};
