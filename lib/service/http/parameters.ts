/** Path parameters, and the rule that a call accepts no unknown query parameters. */
import { type CollectionName, collectionNames, isCollectionName } from '../../model/collections.ts';
import { ValidationError } from '../../repository/errors.ts';
import type { ServiceRequest } from '../service.ts';
import { shorten } from './problems.ts';
import { RequestError } from './request-error.ts';

/** @throws RequestError unknown_collection */
export function requireKnownCollection(name: string): CollectionName {
  if (isCollectionName(name)) return name;
  const detail = `There is no collection ${JSON.stringify(shorten(name, 100))}; the collections are: ${collectionNames.join(', ')}.`;
  throw new RequestError('unknown_collection', detail);
}

/** @throws RequestError unknown_collection */
export const collectionOf = ({ params }: ServiceRequest): CollectionName =>
  requireKnownCollection(params.get('collection') ?? '');

/** The collection and id of a call on one entity, which takes no query parameters. */
export function targetOf(request: ServiceRequest): { collection: CollectionName; id: string } {
  const collection = collectionOf(request);
  refuseQuery(request);
  return { collection, id: request.params.get('id') ?? '' };
}

/** @throws ValidationError if a call without query parameters is given any */
export function refuseQuery({ query }: ServiceRequest): void {
  const problems = [...query.keys()].map((path) => ({ path, message: 'is not a parameter of this call' }));
  if (problems.length > 0) throw new ValidationError(problems);
}
