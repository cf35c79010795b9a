import type { CollectionName } from '../model/collections.ts';
import type { Entity, JsonObject } from '../model/entities.ts';
import { now } from '../model/timestamps.ts';
import { versionOf } from '../repository/guarded-write.ts';
import type { ApiClient } from './api-client.ts';
import { readEntities } from './batch-calls.ts';

/** A write whose answer told no more than its version. */
export interface Written {
  readonly id: string;
  /** What was sent. */
  readonly fields: JsonObject;
  readonly version: number;
}

/**
 * What writes of a collection left behind: read back, since the service fills in times and defaults. Where somebody else
 * has written since, what was sent stands, with the version it was stored under.
 */
export async function asStored(
  api: ApiClient,
  collection: CollectionName,
  written: readonly Written[],
): Promise<Map<string, Entity>> {
  if (written.length === 0) return new Map();
  const ids = written.map(({ id }) => id);
  const { items, missing } = await readEntities(api, collection, ids);
  const absent = new Set(missing);
  // Items come in the order of the ids.
  const present = items.values();
  const entities = written.map(({ id, fields, version }): [string, Entity] => {
    const found = absent.has(id) ? undefined : present.next().value;
    if (found !== undefined && versionOf(found) === version) return [id, found];
    const at = now();
    const times = { created_at: found?.created_at ?? fields.created_at ?? at, updated_at: found?.updated_at ?? at };
    const template = found?.template_id === undefined ? {} : { template_id: found.template_id };
    return [id, { ...template, ...fields, ...times, version }];
  });
  return new Map(entities);
}
