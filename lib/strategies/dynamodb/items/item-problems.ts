import { type CollectionName, declarationOf, idFieldOf } from '../../../model/collections.ts';
import type { Entity } from '../../../model/entities.ts';
import { itemBytes } from '../../../model/item-size.ts';
import type { Problem } from '../../../model/json-values.ts';
import { MAX_ITEM_BYTES } from '../../../model/limits.ts';

/** DynamoDB: 2,048 bytes of a partition key, 1,024 of a sort key. */
const MAX_PARTITION_KEY_BYTES = 2048;
const MAX_SORT_KEY_BYTES = 1024;

/** The declared fields that are keys of the table or of an index, with the maximum bytes of each. */
function keyLimits(collection: CollectionName): ReadonlyMap<string, number> {
  const limits = new Map([[idFieldOf(collection), MAX_PARTITION_KEY_BYTES]]);
  for (const { partitionKey, sortKey } of declarationOf(collection).indexes) {
    limits.set(partitionKey, MAX_PARTITION_KEY_BYTES);
    limits.set(sortKey, MAX_SORT_KEY_BYTES);
  }
  return limits;
}

function keyProblem(value: unknown, limit: number): string | undefined {
  if (typeof value !== 'string') return 'must be a string: it is a key of the table or of an index';
  if (value === '') return 'must not be empty: it is a key of the table or of an index';
  return Buffer.byteLength(value) > limit ? `must have at most ${limit} bytes: it is a key` : undefined;
}

/** Why DynamoDB would refuse an entity as an item: a record of another store may break the rules for entities. */
export function itemProblems(collection: CollectionName, entity: Entity): Problem[] {
  const problems: Problem[] = [];
  for (const [path, limit] of keyLimits(collection)) {
    const value = entity[path] ?? undefined;
    // An item without an index's key is not in that index.
    if (value === undefined && path !== idFieldOf(collection)) continue;
    const message = keyProblem(value, limit);
    if (message !== undefined) problems.push({ path, message });
  }
  const bytes = itemBytes(entity);
  if (bytes > MAX_ITEM_BYTES) {
    problems.push({
      path: '',
      message: `would take ${bytes} bytes as a DynamoDB item; the limit is ${MAX_ITEM_BYTES}`,
    });
  }
  return problems;
}
