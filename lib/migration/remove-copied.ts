import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, referencesTo } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { idOf, versionOf } from '../repository/guarded-write.ts';
import type { Copying } from './copy-segment.ts';
import { countDeleted } from './count-deleted.ts';

/**
 * Deletes from the source those entities that the target holds in the very same form, unless something refers to them.
 * @returns how many were deleted
 */
export async function removeCopied(
  { source, target, compatibility }: Copying,
  collection: CollectionName,
  records: readonly Entity[],
): Promise<number> {
  const { entities } = await compatibility.checkPage(collection, records);
  if (entities.length === 0) return 0;
  const ids = entities.map((entity) => idOf(collection, entity));
  const held = await target.get(collection, ids);
  const unreferencedBy = referencesTo(collection);
  const lists = entities
    .filter((entity, i) => canonicalJson(entity) === canonicalJson(held[i] ?? null))
    .map((entity) => {
      const [id, expect] = [idOf(collection, entity), versionOf(entity)];
      return [{ kind: 'delete' as const, collection, id, expect, unreferencedBy }];
    });
  return lists.length === 0 ? 0 : countDeleted(await source.writeEach(lists));
}
