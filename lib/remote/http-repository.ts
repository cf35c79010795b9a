import { type CollectionName, idFieldOf, type Reference } from '../model/collections.ts';
import type { Entity, EntityChanges, EntityInput, EntityOf, JsonObject } from '../model/entities.ts';
import { setOwn } from '../model/json-values.ts';
import { MAX_PAGE_ENTITIES, MAX_TRANSACTION_ENTITIES } from '../model/limits.ts';
import { checkChanges, checkEntity } from '../model/validation.ts';
import { ValidationError } from '../repository/errors.ts';
import { idOf } from '../repository/guarded-write.ts';
import type { CountOptions, QueryOptions } from '../repository/query.ts';
import type {
  BatchGetResult,
  BatchSaveResult,
  CountResult,
  NewEntity,
  QueryResult,
  Repository,
  Transaction,
  WriteOptions,
} from '../repository/repository.ts';
import { type OperationSettings, requireCollection, requireId } from '../repository/session-operations.ts';
import type { Capabilities } from '../repository/storage-strategy.ts';
import { TransactionScope } from '../repository/transaction-scope.ts';
import type { ProvisionBody } from '../service/http/body-schemas.ts';
import { type ApiClient, ApiProblem } from './api-client.ts';
import { readEntities, requireBatch } from './batch-calls.ts';
import { countParameters, entityPath, type QueryPairs, queryParameters } from './call-path.ts';
import {
  callOn,
  effectiveExpectation,
  effectOf,
  inRange,
  preconditions,
  readEntity,
  requireExpectation,
} from './entity-calls.ts';
import { runTransaction, type TransactionReads } from './http-transaction.ts';
import { type Provisioned, provision } from './provision-call.ts';
import { errorOf } from './remote-errors.ts';
import { saveBatch } from './save-batch.ts';
import { createTogether, executeTransaction } from './transaction-calls.ts';

/** The capabilities that the API guarantees with any store behind it. */
export const httpCapabilities: Capabilities = {
  queriesInTransactions: false,
  maxAtomicWrites: MAX_TRANSACTION_ENTITIES,
  loadsInvalidRecords: false,
  snapshotReads: false,
  parallelScans: false,
  protectsParents: false,
  queryStaleness: Number.POSITIVE_INFINITY,
};

/** A Repository over the HTTP API of a service. */
export class HttpRepository implements Repository {
  readonly capabilities = httpCapabilities;
  /** Makes any call of the API. */
  readonly api: ApiClient;
  readonly #settings: OperationSettings;
  readonly #scope = new TransactionScope();

  /** @param settings as in the service: inside a transaction references are also checked here, before it commits */
  constructor(api: ApiClient, settings: OperationSettings = { enforceReferences: true }) {
    this.api = api;
    this.#settings = settings;
  }

  async saveEntity<C extends CollectionName>(
    collection: C,
    entity: EntityInput<C>,
    { expectedVersion }: WriteOptions = {},
  ): Promise<EntityOf<C>> {
    this.#scope.requireOutside();
    requireCollection(collection);
    requireExpectation(expectedVersion);
    const { fields, version, problems } = checkEntity(collection, entity);
    if (problems.length > 0) throw new ValidationError(problems);
    const id = idOf(collection, fields);
    const expect = effectiveExpectation(expectedVersion, version);
    const { body } = await callOn(
      this.api,
      { collection, id, expect, fields },
      {
        method: 'PUT',
        path: entityPath(collection, id),
        headers: preconditions('PUT', expectedVersion),
        body: version === undefined ? fields : { ...fields, version },
        effect: effectOf(expect),
      },
    );
    return body as EntityOf<C>;
  }

  async getEntity<C extends CollectionName>(collection: C, id: string): Promise<EntityOf<C> | undefined> {
    requireId(collection, id);
    return (await readEntity(this.api, collection, id)) as EntityOf<C> | undefined;
  }

  async updateEntity<C extends CollectionName>(
    collection: C,
    id: string,
    changes: EntityChanges<C>,
    { expectedVersion }: WriteOptions = {},
  ): Promise<EntityOf<C>> {
    this.#scope.requireOutside();
    requireId(collection, id);
    requireExpectation(expectedVersion);
    const { fields, removed, version, problems } = checkChanges(collection, id, changes);
    if (problems.length > 0) throw new ValidationError(problems);
    const expect = effectiveExpectation(expectedVersion, version);
    const sent: JsonObject = version === undefined ? { ...fields } : { ...fields, version };
    for (const name of removed) setOwn(sent, name, null);
    const { body } = await callOn(
      this.api,
      { collection, id, expect, fields },
      {
        method: 'PATCH',
        path: entityPath(collection, id),
        headers: preconditions('PATCH', expectedVersion),
        body: sent,
        effect: effectOf(expect),
      },
    );
    return body as EntityOf<C>;
  }

  async deleteEntity(collection: CollectionName, id: string, { expectedVersion }: WriteOptions = {}): Promise<void> {
    this.#scope.requireOutside();
    requireId(collection, id);
    requireExpectation(expectedVersion);
    await callOn(
      this.api,
      { collection, id, expect: expectedVersion },
      {
        method: 'DELETE',
        path: entityPath(collection, id),
        headers: preconditions('DELETE', expectedVersion),
        effect: effectOf(expectedVersion),
      },
    );
  }

  async checkEntity(collection: CollectionName, id: string, { expectedVersion }: WriteOptions = {}): Promise<void> {
    requireId(collection, id);
    requireExpectation(expectedVersion);
    const expected = typeof expectedVersion === 'number' ? { expected_version: inRange(expectedVersion) } : {};
    await executeTransaction(this.api, [{ action: 'check', collection, id, ...expected }]);
  }

  async queryEntities<C extends CollectionName>(collection: C, options: QueryOptions = {}): Promise<QueryResult<C>> {
    requireCollection(collection);
    const query = queryParameters(collection, options);
    if (query === undefined) return { items: [] };
    const { items, next_cursor: nextCursor } = await this.#get(`/v1/${collection}`, query);
    return { items: items as EntityOf<C>[], ...(typeof nextCursor === 'string' && { nextCursor }) };
  }

  async countEntities(collection: CollectionName, options: CountOptions = {}): Promise<CountResult> {
    requireCollection(collection);
    const query = countParameters(collection, options);
    if (query === undefined) return { count: 0, ...(options.groupBy !== undefined && { groups: {} }) };
    const { count, groups } = await this.#get(`/v1/counts/${collection}`, query);
    if (groups === undefined) return { count: count as number };
    return { count: count as number, groups: groups as Record<string, number> };
  }

  async getEntities<C extends CollectionName>(collection: C, ids: readonly string[]): Promise<BatchGetResult<C>> {
    requireCollection(collection);
    requireBatch('ids', ids);
    for (const id of ids) requireId(collection, id);
    const { items, missing } = await readEntities(this.api, collection, [...new Set(ids)]);
    return { items: items as EntityOf<C>[], missing };
  }

  /**
   * Saves up to 1,000 entities, each on its own, in as many calls as they need, and reads back the stored entities.
   * @throws ValidationError if an id comes twice; StorageUnavailableError if nothing could be sent
   */
  async saveEntities<C extends CollectionName>(
    collection: C,
    entities: readonly EntityInput<C>[],
  ): Promise<BatchSaveResult<C>[]> {
    this.#scope.requireOutside();
    requireCollection(collection);
    return saveBatch(this.api, collection, entities);
  }

  /**
   * Creates up to 100 entities together, or none.
   * @throws UnsupportedOperationError if there are more: `provision` creates a request with thousands of machines
   */
  async createTogether(entities: readonly NewEntity[]): Promise<EntityOf<CollectionName>[]> {
    this.#scope.requireOutside();
    return createTogether(this.api, entities);
  }

  /**
   * Creates a request with its machines, up to 10,000, all PENDING, together or not at all. A body without a `request_id`
   * is given one, so that the call can be retried if an answer is lost.
   * @throws ValidationError, TemplateNotFoundError, RemoteCallError `request_differs`
   */
  async provision(body: ProvisionBody): Promise<Provisioned> {
    this.#scope.requireOutside();
    return provision(this.api, body);
  }

  /**
   * Runs `work`, whose reads go to the service and whose writes are buffered, and commits with one call that succeeds only
   * if nothing it read has changed; otherwise `work` runs again. `updated_at` is the time of the commit: entities returned
   * by `tx` have an earlier one.
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    this.#scope.requireOutside();
    const reads: TransactionReads = {
      read: async (collection, ids) => {
        const found = await this.#readByIds(collection, ids);
        return new Map(found.map((entity) => [entity[idFieldOf(collection)] as string, entity]));
      },
      isReferenced: (reference, id, except) => this.#isReferenced(reference, id, except),
    };
    return this.#scope.enter(work, (scoped) => runTransaction(this.api, reads, this.#settings, scoped));
  }

  async health(): Promise<void> {
    await this.#get('/v1/health', []);
  }

  async close(): Promise<void> {
    await this.api.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #get(path: string, query: QueryPairs): Promise<Readonly<Record<string, unknown>>> {
    try {
      return (await this.api.call({ method: 'GET', path, query, effect: 'read' })).body;
    } catch (error) {
      throw error instanceof ApiProblem ? errorOf(error.problem) : error;
    }
  }

  async #readByIds(collection: CollectionName, ids: readonly string[]): Promise<Entity[]> {
    const [only, ...others] = ids;
    if (only === undefined) return [];
    if (others.length > 0) return (await readEntities(this.api, collection, ids)).items;
    const entity = await readEntity(this.api, collection, only);
    return entity === undefined ? [] : [entity];
  }

  async #isReferenced({ collection, field }: Reference, id: string, except: ReadonlySet<string>): Promise<boolean> {
    const limit = Math.min(except.size + 1, MAX_PAGE_ENTITIES);
    const { items } = await this.queryEntities(collection, { filters: { [field]: id }, limit });
    return (items as Entity[]).some((entity) => !except.has(idOf(collection, entity)));
  }
}
