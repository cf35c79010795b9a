/** Scans of the tables in memory, ordered by id. */
import { crc32 } from 'node:zlib';
import type { CollectionName } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import { cloneJson } from '../../model/json-values.ts';
import { compareUtf8 } from '../../model/order.ts';
import { parseJson } from '../../model/parse-json.ts';
import type { ScanOptions, ScanPage, Snapshot } from '../../repository/storage-strategy.ts';
import type { EntityTable } from './entity-table.ts';

/** Ids of a segment, in order. */
function inOrder(ids: Iterable<string>, { segment, segments }: ScanOptions): string[] {
  const chosen: string[] = [];
  for (const id of ids) if (segments === 1 || crc32(id) % segments === segment) chosen.push(id);
  return chosen.sort(compareUtf8);
}

/** The position of the first id after `cursor`. */
function after(ids: readonly string[], cursor: string): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareUtf8(ids[middle] as string, cursor) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The page of `ids` after a cursor; ids without an entity are skipped. */
function pageOf(ids: readonly string[], { limit, cursor }: ScanOptions, get: (id: string) => Entity | undefined) {
  const items: Entity[] = [];
  let at = cursor === undefined ? 0 : after(ids, cursor);
  for (; at < ids.length && items.length < limit; at++) {
    const entity = get(ids[at] as string);
    if (entity !== undefined) items.push(entity);
  }
  const last = ids[at - 1];
  return at < ids.length && last !== undefined ? { items, cursor: last } : { items };
}

/** Scans that continue page by page. Sorting the ids for each page would cost more than everything else. */
export class Scans {
  readonly #ids = new Map<string, string[]>();

  page(table: EntityTable, options: ScanOptions): ScanPage {
    const key = `${table.collection} ${options.segment}/${options.segments}`;
    const kept = options.cursor === undefined ? undefined : this.#ids.get(key);
    const ids = kept ?? inOrder(table.ids(), options);
    const page = pageOf(ids, options, (id) => {
      const entity = table.peek(id);
      return entity === undefined ? undefined : cloneJson(entity);
    });
    if (page.cursor === undefined) this.#ids.delete(key);
    else this.#ids.set(key, ids);
    return page;
  }
}

/** The current tables, for a slow reader. Costs a few bytes per entity: entities are not copied. */
export function captured(tables: ReadonlyMap<CollectionName, EntityTable>): Snapshot {
  const entities = new Map([...tables].map(([name, table]) => [name, new Map(table.capture())]));
  const ids = new Map<string, string[]>();
  return {
    async scan(collection, options) {
      const kept = entities.get(collection) ?? new Map<string, Entity | string>();
      const key = `${collection} ${options.segment}/${options.segments}`;
      const sorted = ids.get(key) ?? inOrder(kept.keys(), options);
      ids.set(key, sorted);
      return pageOf(sorted, options, (id) => {
        const entity = kept.get(id);
        if (entity === undefined) return undefined;
        return typeof entity === 'string' ? (parseJson(entity) as Entity) : cloneJson(entity);
      });
    },
    async [Symbol.asyncDispose]() {
      entities.clear();
      ids.clear();
    },
  };
}
