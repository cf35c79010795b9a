import type { CollectionName } from '../../model/collections.ts';

/** Path of an entity. */
export const locationOf = (collection: CollectionName, id: string): string =>
  `/v1/${collection}/${encodeURIComponent(id)}`;
