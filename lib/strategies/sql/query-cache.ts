import type { CollectionName } from '../../model/collections.ts';
import { cloneJson } from '../../model/json-values.ts';

/** For how long a result is given out again: the most that another process's writes are seen late. */
export const MAX_AGE_MS = 1000;

interface Cached {
  readonly result: unknown;
  readonly until: number;
}

/**
 * Results of queries and counts, least recently used ones dropped first. A write of this process drops all results of its
 * collection when it ends, and so do results that were on their way meanwhile: what this process knows to be stale is
 * never given out. What other processes write is seen after `MAX_AGE_MS` at the latest.
 */
export class QueryCache {
  readonly #size: number;
  readonly #results = new Map<CollectionName, Map<string, Cached>>();

  /** @param size results kept of each collection */
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
    // A write that ended meanwhile has put another map in the place of this one.
    if (this.#results.get(collection) === results) {
      const [oldest] = results.keys();
      if (results.size >= this.#size && oldest !== undefined) results.delete(oldest);
      // Counted from before the database was asked.
      results.set(key, { result: copyOf(result), until: now + MAX_AGE_MS });
    }
    return result;
  }

  /** To be called when a write has ended, whether it succeeded or not. */
  drop(collections: Iterable<CollectionName>): void {
    for (const collection of collections) this.#results.delete(collection);
  }

  #resultsOf(collection: CollectionName): Map<string, Cached> {
    const results = this.#results.get(collection) ?? new Map<string, Cached>();
    this.#results.set(collection, results);
    return results;
  }
}

/** Groups of a count are a Map of numbers, which nobody may change. */
const copyOf = <T extends object>(result: T): T => ('groups' in result ? result : cloneJson(result));
