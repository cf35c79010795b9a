import { preconditionOf, underPrecondition } from '../http/etags.ts';
import { targetOf } from '../http/parameters.ts';
import type { ServiceFunction } from '../service.ts';

/** `DELETE /v1/{collection}/{id}`. Honours `If-Match`. */
export const deleteEntity: ServiceFunction = async (repository, request) => {
  const { collection, id } = targetOf(request);
  const expectedVersion = preconditionOf(request, 'existing');
  await underPrecondition(expectedVersion, undefined, () =>
    repository.deleteEntity(collection, id, { expectedVersion }),
  );
  return { status: 204, headers: {} };
};
