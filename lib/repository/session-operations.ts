/** The operations of `Transaction` on any session of a store: the policy that all stores share. */
import { type CollectionName, collections } from '../model/collections.ts';
import type { Entity, EntityChanges, EntityInput, EntityOf } from '../model/entities.ts';
import { compareUtf8 } from '../model/order.ts';
import { now } from '../model/timestamps.ts';
import { type Checked, checkChanges, checkEntity, idProblem } from '../model/validation.ts';
import { checkCount, checkQuery } from './check-query.ts';
import { encodeCursor } from './cursor.ts';
import { ValidationError } from './errors.ts';
import { type Expectation, type GuardedWrite, idOf, type PutWrite } from './guarded-write.ts';
import { type CountOptions, positionOf, type QueryOptions } from './query.ts';
import { blockingReferences, defaultSource, parentChecks } from './references.ts';
import { missingReference, rejectionToError } from './rejections.ts';
import type { CountResult, QueryResult, Transaction, WriteOptions } from './repository.ts';
import type { StoreSession } from './storage-strategy.ts';

/** @throws ValidationError if it is not the name of a collection */
export function requireCollection(collection: CollectionName): void {
  if (!Object.hasOwn(collections, collection)) {
    const message = `${JSON.stringify(collection)} is not a collection; these are: ${Object.keys(collections).join(', ')}`;
    throw new ValidationError([{ path: 'collection', message }]);
  }
}

/** @throws ValidationError if it cannot be an id of the collection */
export function requireId(collection: CollectionName, id: string): void {
  requireCollection(collection);
  const problem = idProblem(collection, id);
  if (problem !== undefined) throw new ValidationError([{ path: collections[collection].idField, message: problem }]);
}

/** Combines the option and the entity's own `version` into one expectation. */
function reconcile(option: Expectation, sent: number | undefined): Expectation {
  if (option !== undefined && option !== 'exists' && !(Number.isInteger(option) && option >= 0)) {
    throw new ValidationError([{ path: 'expected_version', message: 'must be an integer of at least 0' }]);
  }
  if (sent === undefined) return option;
  if (option === undefined) return sent;
  if (option === sent || (option === 'exists' && sent > 0)) return sent;
  const message = `is ${sent}, but the call expects ${option === 0 ? 'a new entity' : `version ${option}`}; omit one of them`;
  throw new ValidationError([{ path: 'version', message }]);
}

export interface OperationSettings {
  readonly enforceReferences: boolean;
}

/** A checked and complete entity, ready to be written. */
interface Prepared {
  readonly id: string;
  readonly put: PutWrite;
}

export class SessionOperations implements Transaction {
  readonly session: StoreSession;
  readonly settings: OperationSettings;
  readonly touch: (collection: CollectionName, id: string) => void;

  /** @param touch called for every entity before it is read, written or checked */
  constructor(
    session: StoreSession,
    settings: OperationSettings,
    touch: (collection: CollectionName, id: string) => void = () => {},
  ) {
    this.session = session;
    this.settings = settings;
    this.touch = touch;
  }

  async saveEntity<C extends CollectionName>(
    collection: C,
    entity: EntityInput<C>,
    { expectedVersion }: WriteOptions = {},
  ): Promise<EntityOf<C>> {
    const { put } = await this.#prepare(collection, entity, expectedVersion);
    return (await this.#write(this.withParentChecks(put))) as EntityOf<C>;
  }

  async getEntity<C extends CollectionName>(collection: C, id: string): Promise<EntityOf<C> | undefined> {
    requireId(collection, id);
    this.touch(collection, id);
    const [entity] = await this.session.get(collection, [id]);
    return entity as EntityOf<C> | undefined;
  }

  async updateEntity<C extends CollectionName>(
    collection: C,
    id: string,
    changes: EntityChanges<C>,
    { expectedVersion }: WriteOptions = {},
  ): Promise<EntityOf<C>> {
    requireId(collection, id);
    const { fields: set, removed: remove, version, problems } = checkChanges(collection, id, changes);
    if (problems.length > 0) throw new ValidationError(problems);
    const expect = reconcile(expectedVersion, version);
    const checks = this.settings.enforceReferences ? parentChecks(collection, set) : [];
    const patch = { kind: 'patch', collection, id, expect, set, remove, at: now() } as const;
    return (await this.#write([patch, ...checks])) as EntityOf<C>;
  }

  async deleteEntity(collection: CollectionName, id: string, { expectedVersion }: WriteOptions = {}): Promise<void> {
    requireId(collection, id);
    const unreferencedBy = this.settings.enforceReferences ? blockingReferences(collection) : [];
    await this.#write([
      { kind: 'delete', collection, id, expect: reconcile(expectedVersion, undefined), unreferencedBy },
    ]);
  }

  async checkEntity(collection: CollectionName, id: string, options: WriteOptions = {}): Promise<void> {
    requireId(collection, id);
    const expect = reconcile(options.expectedVersion, undefined) ?? 'exists';
    await this.#write([{ kind: 'check', collection, id, expect }]);
  }

  async queryEntities<C extends CollectionName>(collection: C, options: QueryOptions = {}): Promise<QueryResult<C>> {
    requireCollection(collection);
    const query = checkQuery(collection, options);
    const { items, more, explanation } = await this.session.query(collection, query);
    for (const item of items) this.touch(collection, idOf(collection, item));
    const last = items.at(-1);
    const page = { items: items as EntityOf<C>[], ...(explanation !== undefined && { explanation }) };
    if (!more || last === undefined) return page;
    return { ...page, nextCursor: encodeCursor(collection, query, positionOf(collection, query.order, last)) };
  }

  async countEntities(collection: CollectionName, options: CountOptions = {}): Promise<CountResult> {
    requireCollection(collection);
    const { predicates, groupBy } = checkCount(collection, options);
    const { count, groups } = await this.session.count(collection, predicates, groupBy);
    if (groups === undefined) return { count };
    return { count, groups: Object.fromEntries([...groups].sort(([a], [b]) => compareUtf8(a, b))) };
  }

  /** The write of an entity, and the checks that its parents exist. */
  withParentChecks(put: PutWrite): GuardedWrite[] {
    return this.settings.enforceReferences ? [put, ...parentChecks(put.collection, put.fields)] : [put];
  }

  async #prepare(collection: CollectionName, entity: unknown, expectedVersion: Expectation): Promise<Prepared> {
    requireCollection(collection);
    const checked = checkEntity(collection, entity);
    if (checked.problems.length > 0) throw new ValidationError(checked.problems);
    const parents = await this.readDefaultParents(collection, [checked]);
    return this.complete(collection, checked, parents, expectedVersion);
  }

  /**
   * The parents from which entities of `collection` inherit omitted fields, by id.
   * @param known parents by `collection/id` that need not be read
   */
  async readDefaultParents(
    collection: CollectionName,
    entities: readonly Checked[],
    known: ReadonlyMap<string, Entity> = new Map(),
  ): Promise<ReadonlyMap<string, Entity>> {
    const parents = new Map<string, Entity>();
    const source = defaultSource(collection);
    if (source === undefined) return parents;
    const wanted = new Set<string>();
    for (const { fields, problems } of entities) {
      if (problems.length > 0 || fields[source.field] !== undefined) continue;
      const id = fields[source.reference] as string;
      const parent = known.get(`${source.parent}/${id}`);
      if (parent === undefined) wanted.add(id);
      else parents.set(id, parent);
    }
    if (wanted.size === 0) return parents;
    for (const id of wanted) this.touch(source.parent, id);
    const found = await this.session.get(source.parent, [...wanted]);
    for (const [i, id] of [...wanted].entries()) {
      const parent = found[i];
      if (parent !== undefined) parents.set(id, parent);
    }
    return parents;
  }

  /**
   * Fills in the fields that come from parents, and makes the write.
   * @throws ValidationError, ReferenceNotFoundError
   */
  complete(
    collection: CollectionName,
    { fields, version }: Checked,
    parents: ReadonlyMap<string, Entity>,
    expectedVersion?: Expectation,
  ): Prepared {
    const source = defaultSource(collection);
    if (source !== undefined && fields[source.field] === undefined) {
      const parentId = fields[source.reference] as string;
      const value = parents.get(parentId)?.[source.field];
      if (value === undefined || value === null) {
        if (!parents.has(parentId) && this.settings.enforceReferences) {
          throw missingReference(collection, source.parent, parentId);
        }
        const from = `${source.parent} ${JSON.stringify(parentId)}`;
        const message = `is required: it was omitted, and ${from}, its default source, does not exist`;
        throw new ValidationError([{ path: source.field, message }]);
      }
      fields[source.field] = value;
    }
    const id = idOf(collection, fields);
    const expect = reconcile(expectedVersion, version);
    return { id, put: { kind: 'put', collection, id, expect, fields, at: now() } };
  }

  /** Commits the write of one entity with its checks, and returns the resulting entity. */
  async #write(writes: readonly GuardedWrite[]): Promise<Entity | undefined> {
    for (const { collection, id } of writes) this.touch(collection, id);
    try {
      return (await this.session.write(writes))[0];
    } catch (error) {
      throw rejectionToError(error, writes);
    }
  }
}
