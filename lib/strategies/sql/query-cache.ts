import type { CollectionName } from '../../model/collections.ts';
import { cloneJson } from '../../model/json-values.ts';

/** How long a result is reused: the longest delay until another process's writes are seen. */
export const MAX_AGE_MS = 1000;

interface Cached {
  readonly result: unknown;
  readonly until: number;
}

/**
 * Results of queries and counts; the least recently used ones are evicted first. When a write of this process ends, all
 * results of its collection are dropped, including those of queries still running: a result that this process knows to be
 * stale is never returned. Writes of other processes are seen after `MAX_AGE_MS` at the latest.
 */
export class QueryCache {
  readonly #size: number;
  readonly #results = new Map<CollectionName, Map<string, Cached>>();

  /** @param size results kept for each collection */
  constructor(size: number) {
    this.#size = size;
  }

  /** The result of a query, from the cache or from `load`. Callers own what they get. */
  async get<T extends object>(collection: CollectionName, key: string, load: () => Promise<T>): Promise<T> {
    const results = this.#resultsOf(collection);
    const known = results.get(key);
    results.delete(key);
    const now = performance.now();
    if (known !== undefined && now < known.until) {
      results.set(key, known);
      return copyOf(known.result as T);
    }
    const result = await load();
    // A write that ended meanwhile has replaced the map.
    if (this.#results.get(collection) === results) {
      const [oldest] = results.keys();
      if (results.size >= this.#size && oldest !== undefined) results.delete(oldest);
      // The age counts from before the query was sent.
      results.set(key, { result: copyOf(result), until: now + MAX_AGE_MS });
    }
    return result;
  }

  /** Call it when a write has ended, whether it succeeded or not. */
  drop(collections: Iterable<CollectionName>): void {
    for (const collection of collections) this.#results.delete(collection);
  }

  #resultsOf(collection: CollectionName): Map<string, Cached> {
    const results = this.#results.get(collection) ?? new Map<string, Cached>();
    this.#results.set(collection, results);
    return results;
  }
}

/** The groups of a count are a Map of numbers, which callers must not change, so they need no copy. */
const copyOf = <T extends object>(result: T): T => ('groups' in result ? result : cloneJson(result));
