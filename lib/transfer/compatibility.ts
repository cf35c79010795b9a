/** Whether records of one store can be held by another, and what is derived so that they can. */
import { type CollectionName, collectionNames, fieldsOf, referencesFrom } from '../model/collections.ts';
import type { Entity, JsonObject, JsonValue } from '../model/entities.ts';
import { type Problem, setOwn } from '../model/json-values.ts';
import { normalizeTimestamp } from '../model/timestamps.ts';
import { idOf } from '../repository/guarded-write.ts';
import type { Capabilities, StorageStrategy } from '../repository/storage-strategy.ts';

/** Values for fields that records lack, by collection and field. */
export type FieldDefaults = { readonly [C in CollectionName]?: Readonly<Record<string, JsonValue>> | undefined };

/** A record that the target cannot hold. */
export interface IncompatibleRecord {
  readonly collection: CollectionName;
  readonly id: string;
  readonly problems: readonly Problem[];
}

export interface CheckedPage {
  /** What the target can hold, in the form in which it will hold it. */
  readonly entities: Entity[];
  readonly incompatible: IncompatibleRecord[];
}

/** Reads entities by id, as a `StorageStrategy` does. */
export type GetEntities = (collection: CollectionName, ids: readonly string[]) => Promise<(Entity | undefined)[]>;

export interface CompatibilitySettings {
  readonly target: Pick<StorageStrategy, 'loadProblems'> & {
    readonly capabilities: Pick<Capabilities, 'loadsInvalidRecords'>;
  };
  /** Whether the target refuses a child without its parent. */
  readonly enforceReferences: boolean;
  readonly defaults?: FieldDefaults | undefined;
  /** Finds the parents of records: in the source, or where they are sure to be compatibility, in the target. */
  readonly parents: GetEntities;
}

/** Parents of a collection whose verdict is remembered. */
const MAX_VERDICTS = 50_000;

/** The record as every store returns it: a version, no nulls at the top, timestamps in UTC. */
export function normalRecord(collection: CollectionName, record: Entity): Entity {
  const entity = {} as Entity;
  const declared = fieldsOf(collection);
  for (const name of Object.keys(record)) {
    const value = record[name];
    if (value === undefined || value === null) continue;
    const isTimestamp = typeof value === 'string' && declared.get(name)?.type === 'timestamp';
    setOwn<JsonValue | undefined>(entity, name, isTimestamp ? (normalizeTimestamp(value) ?? value) : value);
  }
  const { version } = record;
  entity.version = Number.isInteger(version) && version >= 1 ? version : 1;
  return entity;
}

export class Compatibility {
  readonly #settings: CompatibilitySettings;
  readonly #verdicts = new Map(collectionNames.map((name) => [name, new Map<string, string | undefined>()]));

  constructor(settings: CompatibilitySettings) {
    this.#settings = settings;
  }

  /** Sorts records into those that the target can hold and those that it cannot. Ids are those of one collection. */
  async checkPage(collection: CollectionName, records: readonly Entity[]): Promise<CheckedPage> {
    const entities = records.map((record) => normalRecord(collection, record));
    const problems = entities.map((entity) => this.#problemsOf(collection, entity));
    await this.#deriveMissing(collection, entities, problems);
    await this.#addMissingParents(collection, entities, problems);
    const page: CheckedPage = { entities: [], incompatible: [] };
    for (const [i, entity] of entities.entries()) {
      const found = problems[i] as readonly Problem[];
      if (found.length === 0) page.entities.push(entity);
      else page.incompatible.push({ collection, id: idOf(collection, entity), problems: found });
    }
    return page;
  }

  #problemsOf(collection: CollectionName, entity: Entity): readonly Problem[] {
    return this.#settings.target.loadProblems(collection, entity);
  }

  /** Gives records that do not fit the fields that can be derived, and asks again. */
  async #deriveMissing(
    collection: CollectionName,
    entities: readonly Entity[],
    problems: (readonly Problem[])[],
  ): Promise<void> {
    const parents = await this.#parentsForDefaults(collection, entities, problems);
    for (const [i, entity] of entities.entries()) {
      if (problems[i]?.length === 0) continue;
      this.#derive(collection, entity, parents);
      problems[i] = this.#problemsOf(collection, entity);
    }
  }

  #derive(collection: CollectionName, entity: Entity, parents: ReadonlyMap<unknown, Entity>): void {
    const defaults: Readonly<JsonObject> = this.#settings.defaults?.[collection] ?? {};
    for (const [name, field] of fieldsOf(collection)) {
      if (entity[name] !== undefined) continue;
      const inherited = field.defaultFrom && parents.get(entity[field.defaultFrom.reference])?.[name];
      const value = inherited ?? field.default ?? (Object.hasOwn(defaults, name) ? defaults[name] : undefined);
      if (value !== undefined) entity[name] = value;
    }
  }

  /** The parents from which records that do not fit may take a field. */
  async #parentsForDefaults(
    collection: CollectionName,
    entities: readonly Entity[],
    problems: readonly (readonly Problem[])[],
  ): Promise<ReadonlyMap<unknown, Entity>> {
    const found = new Map<unknown, Entity>();
    for (const [name, { defaultFrom }] of fieldsOf(collection)) {
      if (defaultFrom === undefined) continue;
      const reference = referencesFrom(collection).find(({ field }) => field === defaultFrom.reference);
      const lacking = entities.filter((entity, i) => problems[i]?.length !== 0 && entity[name] === undefined);
      const ids = textsIn(lacking, defaultFrom.reference);
      if (reference === undefined || ids.length === 0) continue;
      const parents = await this.#settings.parents(reference.parent, ids);
      for (const [i, parent] of parents.entries()) if (parent !== undefined) found.set(ids[i], parent);
    }
    return found;
  }

  /** Adds the problem of each record whose parent the target will not have. */
  async #addMissingParents(
    collection: CollectionName,
    entities: readonly Entity[],
    problems: (readonly Problem[])[],
  ): Promise<void> {
    const { target, enforceReferences } = this.#settings;
    if (!enforceReferences || target.capabilities.loadsInvalidRecords) return;
    for (const { field, parent } of referencesFrom(collection)) {
      const verdicts = await this.#verdictsOn(parent, textsIn(entities, field));
      for (const [i, entity] of entities.entries()) {
        const verdict = verdicts.get(entity[field]);
        if (verdict === undefined) continue;
        const message = `refers to ${parent} ${JSON.stringify(entity[field])}, which ${verdict}`;
        problems[i] = [...(problems[i] as readonly Problem[]), { path: field, message }];
      }
    }
  }

  /** Why the target will not have a parent, by its id; undefined where it will. */
  async #verdictsOn(parent: CollectionName, ids: readonly string[]): Promise<ReadonlyMap<unknown, string | undefined>> {
    const known = this.#verdicts.get(parent) as Map<string, string | undefined>;
    const verdicts = new Map(ids.filter((id) => known.has(id)).map((id) => [id, known.get(id)]));
    const unknown = ids.filter((id) => !known.has(id));
    if (unknown.length === 0) return verdicts;
    const found = await this.#settings.parents(parent, unknown);
    for (const [i, id] of unknown.entries()) verdicts.set(id, found[i] === undefined ? 'does not exist' : undefined);
    const { incompatible } = await this.checkPage(
      parent,
      found.filter((entity) => entity !== undefined),
    );
    for (const { id } of incompatible) verdicts.set(id, 'does not fit either');
    if (known.size > MAX_VERDICTS) known.clear();
    for (const id of unknown) known.set(id, verdicts.get(id));
    return verdicts;
  }
}

/** The texts that entities have in a field, each once. */
export const textsIn = (entities: readonly Entity[], field: string): string[] => [
  ...new Set(entities.map((entity) => entity[field]).filter((value) => typeof value === 'string')),
];
