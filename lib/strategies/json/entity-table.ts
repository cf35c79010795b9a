import { type CollectionName, declarationOf, idFieldOf, referencesFrom } from '../../model/collections.ts';
import type { Entity, JsonObject } from '../../model/entities.ts';
import { parseJson } from '../../model/parse-json.ts';

type FieldIndex = Map<unknown, Set<string>>;

/**
 * The entities of one collection in memory, with equality indexes on the fields that the model declares as indexes or
 * references, built on first use. The `cacheSize` most recently used entities are kept parsed; the others as JSON text,
 * which takes about half the memory and is parsed at each use.
 */
export class EntityTable {
  readonly collection: CollectionName;
  readonly #cacheSize: number;
  readonly #entities = new Map<string, Entity | string>();
  /** Ids of the parsed entities, the least recently used first; undefined while all entities fit. */
  #recent: Set<string> | undefined;
  readonly #indexedFields: ReadonlySet<string>;
  readonly #indexes = new Map<string, FieldIndex>();

  constructor(collection: CollectionName, cacheSize: number) {
    this.collection = collection;
    this.#cacheSize = cacheSize;
    const partitionKeys = declarationOf(collection).indexes.map(({ partitionKey }) => partitionKey);
    this.#indexedFields = new Set([...partitionKeys, ...referencesFrom(collection).map(({ field }) => field)]);
  }

  get size(): number {
    return this.#entities.size;
  }

  /** The stored object itself: not to be changed or handed out. */
  get(id: string): Entity | undefined {
    const kept = this.#entities.get(id);
    if (kept === undefined) return undefined;
    const entity = typeof kept === 'string' ? (parseJson(kept) as Entity) : kept;
    if (this.#recent !== undefined) this.#keepParsed(this.#recent, id, entity);
    return entity;
  }

  /**
   * Adds a record as read from a file to a table that has none with this id and no index yet.
   * @param json the record as JSON text, which is kept as it is once the cache is full
   */
  fill(id: string, record: JsonObject, json?: string): void {
    if (json !== undefined && this.#entities.size >= this.#cacheSize && isAdopted(this.collection, id, record)) {
      this.#recent ??= new Set(this.#entities.keys());
      this.#entities.set(id, json);
    } else {
      this.#set(id, adoptRecord(this.collection, id, record));
    }
  }

  clear(): void {
    this.#entities.clear();
    this.#indexes.clear();
    this.#recent = undefined;
  }

  /** Takes over `entity`: the caller must not change it afterwards. */
  put(id: string, entity: Entity): void {
    const before = this.#entities.get(id);
    if (before !== undefined) this.#unindex(id, before);
    this.#set(id, entity);
    for (const [field, index] of this.#indexes) addTo(index, entity[field], id);
  }

  delete(id: string): void {
    const before = this.#entities.get(id);
    if (before === undefined) return;
    this.#unindex(id, before);
    this.#entities.delete(id);
    this.#recent?.delete(id);
  }

  /** Like `get`, for one pass over everything: it does not count as use. */
  peek(id: string): Entity | undefined {
    const kept = this.#entities.get(id);
    return typeof kept === 'string' ? (parseJson(kept) as Entity) : kept;
  }

  ids(): Iterable<string> {
    return this.#entities.keys();
  }

  /** All entities, in no particular order. Iterating does not count as use. */
  *entries(): Generator<[string, Entity]> {
    for (const [id, kept] of this.#entities) yield [id, typeof kept === 'string' ? (parseJson(kept) as Entity) : kept];
  }

  /** The current entities, for a slow reader: entities are replaced, never changed. */
  capture(): [string, Entity | string][] {
    return [...this.#entities];
  }

  /** Whether `field` has an index. */
  hasIndex(field: string): boolean {
    return this.#indexedFields.has(field);
  }

  /** Ids of the entities with this value in an indexed field. */
  idsBy(field: string, value: unknown): ReadonlySet<string> {
    const index = this.#indexes.get(field) ?? this.#makeIndex(field);
    return index.get(value) ?? new Set();
  }

  #set(id: string, entity: Entity): void {
    this.#entities.set(id, entity);
    if (this.#entities.size > this.#cacheSize) this.#recent ??= new Set(this.#entities.keys());
    if (this.#recent !== undefined) this.#keepParsed(this.#recent, id, entity);
  }

  #makeIndex(field: string): FieldIndex {
    const index: FieldIndex = new Map();
    for (const [id, entity] of this.entries()) addTo(index, entity[field], id);
    this.#indexes.set(field, index);
    return index;
  }

  #unindex(id: string, kept: Entity | string): void {
    if (this.#indexes.size === 0) return;
    const entity = typeof kept === 'string' ? (parseJson(kept) as Entity) : kept;
    for (const [field, index] of this.#indexes) {
      const value = entity[field];
      const ids = index.get(value);
      ids?.delete(id);
      if (ids?.size === 0) index.delete(value);
    }
  }

  /** Marks an entity as just used, and turns the least recently used ones back into text while too many are parsed. */
  #keepParsed(recent: Set<string>, id: string, entity: Entity): void {
    recent.delete(id);
    recent.add(id);
    this.#entities.set(id, entity);
    for (const oldest of recent) {
      if (recent.size <= this.#cacheSize) return;
      recent.delete(oldest);
      this.#entities.set(oldest, JSON.stringify(this.#entities.get(oldest)));
    }
  }
}

function addTo(index: FieldIndex, value: unknown, id: string): void {
  if (value === undefined || value === null || typeof value === 'object') return;
  const ids = index.get(value);
  if (ids === undefined) index.set(value, new Set([id]));
  else ids.add(id);
}

/** Whether a record is in the form the store works with. */
const isAdopted = (collection: CollectionName, id: string, record: JsonObject): boolean =>
  record[idFieldOf(collection)] === id &&
  typeof record.version === 'number' &&
  record.version >= 1 &&
  Number.isInteger(record.version);

/**
 * A record as read from a file or a journal, in the form the store works with: the id is the key it is stored under,
 * and a record that others wrote without a version has version 1.
 */
export function adoptRecord(collection: CollectionName, id: string, record: JsonObject): Entity {
  if (isAdopted(collection, id, record)) return record as Entity;
  const version = typeof record.version === 'number' && Number.isInteger(record.version) ? record.version : 1;
  return { ...record, [idFieldOf(collection)]: id, version: Math.max(1, version) };
}
