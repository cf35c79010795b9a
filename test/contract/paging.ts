import type { CollectionName } from '../../lib/model/collections.ts';
import type { EntityOf } from '../../lib/model/entities.ts';
import type { QueryOptions } from '../../lib/repository/query.ts';
import type { Repository } from '../../lib/repository/repository.ts';

/** Follows the cursors of a query to its end. Every page but the last must be full, and the last must have no cursor. */
export async function* pagesOf<C extends CollectionName>(
  repository: Pick<Repository, 'queryEntities'>,
  collection: C,
  options: QueryOptions & { readonly limit: number },
): AsyncGenerator<EntityOf<C>[]> {
  let cursor: string | undefined;
  do {
    const page = await repository.queryEntities(collection, { ...options, cursor });
    if (page.nextCursor !== undefined && page.items.length !== options.limit) {
      throw new Error(`A page of ${options.limit} that is not the last holds ${page.items.length}.`);
    }
    if (page.items.length === 0 && cursor !== undefined) throw new Error('A cursor led to an empty page.');
    if (page.nextCursor !== undefined && page.nextCursor === cursor) throw new Error('A cursor leads to itself.');
    yield page.items;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** All entities that match, in order. */
export async function queryAll<C extends CollectionName>(
  repository: Pick<Repository, 'queryEntities'>,
  collection: C,
  options: QueryOptions = {},
): Promise<EntityOf<C>[]> {
  const pages = pagesOf(repository, collection, { ...options, limit: options.limit ?? 1000 });
  const all: EntityOf<C>[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}
