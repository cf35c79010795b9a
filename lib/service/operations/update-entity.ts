import { idFieldOf } from '../../model/collections.ts';
import type { EntityChanges } from '../../model/entities.ts';
import { withId } from '../http/check-body.ts';
import { etagOf, preconditionOf, underPrecondition } from '../http/etags.ts';
import { targetOf } from '../http/parameters.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';

/** `PATCH /v1/{collection}/{id}`: replaces top-level fields; null removes one. Honours `If-Match`. */
export const updateEntity: ServiceFunction = async (repository, request) => {
  const { collection, id } = targetOf(request);
  const expectedVersion = preconditionOf(request, 'existing');
  const changes = withId(idFieldOf(collection), id, request.body) as EntityChanges<typeof collection>;
  const entity = await underPrecondition(expectedVersion, changes.version, () =>
    repository.updateEntity(collection, id, changes, { expectedVersion }),
  );
  return jsonAnswer(200, entity, { ETag: etagOf(entity) });
};
