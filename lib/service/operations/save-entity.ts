import { idFieldOf } from '../../model/collections.ts';
import type { EntityInput } from '../../model/entities.ts';
import { withId } from '../http/check-body.ts';
import { etagOf, preconditionOf, underPrecondition } from '../http/etags.ts';
import { targetOf } from '../http/parameters.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';

/** `PUT /v1/{collection}/{id}`: creates or replaces an entity, under `If-Match` or `If-None-Match: *`. */
export const saveEntity: ServiceFunction = async (repository, request) => {
  const { collection, id } = targetOf(request);
  const expectedVersion = preconditionOf(request, 'any');
  const input = withId(idFieldOf(collection), id, request.body) as EntityInput<typeof collection>;
  const entity = await underPrecondition(expectedVersion, input.version, () =>
    repository.saveEntity(collection, input, { expectedVersion }),
  );
  // Versions start at 1, and only a creation returns it.
  return jsonAnswer(entity.version === 1 ? 201 : 200, entity, { ETag: etagOf(entity) });
};
