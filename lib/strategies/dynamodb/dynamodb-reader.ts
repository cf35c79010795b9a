import type { QueryCommandInput, ScanCommandInput } from '@aws-sdk/lib-dynamodb';
import { type CollectionName, declarationOf, idFieldOf } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import { MAX_PAGE_ENTITIES } from '../../model/limits.ts';
import { compareScalars, type Scalar } from '../../model/order.ts';
import { ValidationError } from '../../repository/errors.ts';
import type { Predicate, Query } from '../../repository/query.ts';
import { meets, TopEntities } from '../../repository/selection.ts';
import type { Count, Page, ScanOptions, ScanPage } from '../../repository/storage-strategy.ts';
import type { DynamodbCalls } from './calls/dynamodb-calls.ts';
import { Expression } from './items/expressions.ts';
import { entityOf, type Item, isHidden, keyOf } from './items/item-codec.ts';
import { boundsOf, type PartitionOptions, partitionQuery } from './partition-query.ts';
import { type IndexPlan, planOf } from './query-plan.ts';
import { conditionText, type ExpressionValues } from './writes/condition-expressions.ts';

/** Segments of a table that are scanned in parallel. */
const SCAN_SEGMENTS = 4;
/** Queries of different partitions that run in parallel. */
const MAX_CONCURRENT_QUERIES = 10;

/** The cost of reading. */
interface Cost {
  read: number;
  readUnits: number;
}

interface Settings {
  readonly tableName: (collection: CollectionName) => string;
  /** Whether gets and scans are strongly consistent. */
  readonly consistent: boolean;
}

/** A query of an index in DynamoDB's own syntax. */
export interface GsiQuery {
  /** Such as `template_id-created_at-index`. */
  readonly indexName: string;
  readonly keyCondition: string;
  readonly expressionValues?: ExpressionValues;
  readonly descending?: boolean;
  readonly limit?: number;
}

/** Reads entities outside transactions. */
export class DynamodbReader {
  readonly #calls: DynamodbCalls;
  readonly #settings: Settings;

  constructor(calls: DynamodbCalls, settings: Settings) {
    this.#calls = calls;
    this.#settings = settings;
  }

  /** The items with these ids, in the same order, including hidden ones. */
  async items(
    collection: CollectionName,
    ids: readonly string[],
    consistent = this.#settings.consistent,
  ): Promise<(Item | undefined)[]> {
    const table = this.#settings.tableName(collection);
    if (ids.length === 1) return [await this.#calls.get(table, keyOf(collection, ids[0] as string), consistent)];
    const keys = [...new Set(ids)].map((id) => keyOf(collection, id));
    const found = await this.#calls.getMany(table, keys, consistent);
    const byId = new Map(found.map((item) => [item[idFieldOf(collection)], item]));
    return ids.map((id) => byId.get(id));
  }

  async get(collection: CollectionName, ids: readonly string[]): Promise<(Entity | undefined)[]> {
    return (await this.items(collection, ids)).map((item) => visible(collection, item));
  }

  async query(collection: CollectionName, query: Query): Promise<Page> {
    const { order, limit, after, explain } = query;
    const top = new TopEntities(collection, order, limit, after);
    const cost: Cost = { read: 0, readUnits: 0 };
    const plan = planOf(collection, query.predicates);
    if (plan === undefined) {
      await this.#scanAll(collection, cost, (entity) => offer(top, entity, query.predicates));
    } else {
      await this.#readPartitions(collection, plan, query, top, cost);
    }
    const page = { items: top.inOrder(), more: top.more };
    return explain ? { ...page, explanation: { index: plan?.index.name ?? 'scan', ...cost } } : page;
  }

  async count(collection: CollectionName, predicates: readonly Predicate[], groupBy?: string): Promise<Count> {
    const groups = new Map<string, number>();
    let count = 0;
    const add = (entity: Entity): void => {
      if (!predicates.every((predicate) => meets(entity, predicate))) return;
      count++;
      const group = groupBy === undefined ? undefined : entity[groupBy];
      if (typeof group === 'string' || typeof group === 'number') {
        groups.set(String(group), (groups.get(String(group)) ?? 0) + 1);
      }
    };
    const cost: Cost = { read: 0, readUnits: 0 };
    const plan = planOf(collection, predicates);
    if (plan === undefined) {
      await this.#scanAll(collection, cost, add);
    } else {
      await this.#eachValue(plan, async (value) => {
        const input = this.#partition(collection, plan, value, { descending: false, ...boundsOf(plan) });
        for await (const entity of this.#queried(collection, input, cost)) add(entity);
      });
    }
    return groupBy === undefined ? { count } : { count, groups };
  }

  async scan(collection: CollectionName, { segment, segments, limit, cursor }: ScanOptions): Promise<ScanPage> {
    const items: Entity[] = [];
    let start = cursor === undefined ? undefined : keyOf(collection, cursor);
    do {
      const page = await this.#calls.scan({
        TableName: this.#settings.tableName(collection),
        // For migrations and backups, which must not miss acknowledged writes.
        ConsistentRead: true,
        Segment: segment,
        TotalSegments: segments,
        Limit: limit - items.length,
        ExclusiveStartKey: start,
      });
      for (const item of page.items) {
        const entity = visible(collection, item);
        if (entity !== undefined) items.push(entity);
      }
      start = page.next;
    } while (start !== undefined && items.length < limit);
    return start === undefined ? { items } : { items, cursor: start[idFieldOf(collection)] as string };
  }

  async queryByGsi(
    collection: CollectionName,
    { indexName, keyCondition, expressionValues = {}, descending = false, limit = MAX_PAGE_ENTITIES }: GsiQuery,
  ): Promise<Entity[]> {
    const names = declarationOf(collection).indexes.map(({ name }) => name);
    if (!names.includes(indexName)) {
      const message = `is not an index of ${collection}; its indexes: ${names.join(', ') || 'none'}`;
      throw new ValidationError([{ path: 'indexName', message }]);
    }
    if (!Number.isInteger(limit) || limit < 1) {
      throw new ValidationError([{ path: 'limit', message: 'must be an integer of at least 1' }]);
    }
    const expression = new Expression();
    const text = conditionText(expression, collection, keyCondition, expressionValues, 'keyCondition');
    const input: QueryCommandInput = {
      TableName: this.#settings.tableName(collection),
      IndexName: indexName,
      KeyConditionExpression: text,
      ScanIndexForward: !descending,
      Limit: Math.min(limit, MAX_PAGE_ENTITIES),
      ...expression.placeholders,
    };
    const entities: Entity[] = [];
    for await (const entity of this.#queried(collection, input, { read: 0, readUnits: 0 })) {
      entities.push(entity);
      if (entities.length === limit) break;
    }
    return entities;
  }

  /** Whether any entity other than `except` refers to an id. Reads an index, which may lag behind. */
  async isReferenced(
    collection: CollectionName,
    field: string,
    id: string,
    except: readonly string[],
  ): Promise<boolean> {
    const plan = planOf(collection, [{ field, operator: 'eq', value: id }]);
    if (plan === undefined) throw new TypeError(`${collection} has no index on ${field}.`);
    const input = this.#partition(collection, plan, id, { descending: false, limit: except.length + 1 });
    const { items } = await this.#calls.query(input);
    return items.some((item) => !except.includes(item[idFieldOf(collection)] as string));
  }

  #table(collection: CollectionName): { TableName: string; ConsistentRead: boolean } {
    return { TableName: this.#settings.tableName(collection), ConsistentRead: this.#settings.consistent };
  }

  /** Offers the entities that may be on the page. If the index has its order, each partition is read only as far as needed. */
  async #readPartitions(
    collection: CollectionName,
    plan: IndexPlan,
    query: Query,
    top: TopEntities,
    cost: Cost,
  ): Promise<void> {
    const { order, limit } = query;
    const inOrder = order.field === plan.index.sortKey;
    await this.#eachValue(plan, async (value) => {
      const input = this.#partition(collection, plan, value, {
        descending: inOrder && order.descending,
        ...(plan.rest.length === 0 && inOrder && { limit: limit + 1 }),
        ...boundsOf(plan, inOrder ? query : undefined),
      });
      for await (const entity of this.#queried(collection, input, cost)) {
        offer(top, entity, plan.rest);
        // Not earlier: among equal times, an entity that is still to come may have a smaller id.
        if (inOrder && top.more && isBeyond(entity, top.last, order.field, order.descending)) break;
      }
    });
    if (!(inOrder && order.descending)) return;
    // Entities without a time come last in every order, although their mark comes first in this one.
    await this.#eachValue(plan, async (value) => {
      if (top.more) return;
      const input = this.#partition(collection, plan, value, { descending: false, absentOnly: true });
      for await (const entity of this.#queried(collection, input, cost)) offer(top, entity, plan.rest);
    });
  }

  #partition(
    collection: CollectionName,
    { index }: IndexPlan,
    value: Scalar,
    options: PartitionOptions,
  ): QueryCommandInput {
    return partitionQuery(this.#settings.tableName(collection), index, value, options);
  }

  async *#queried(collection: CollectionName, input: QueryCommandInput, cost: Cost): AsyncGenerator<Entity> {
    let start: Item | undefined;
    do {
      const page = await this.#calls.query({ ...input, ExclusiveStartKey: start });
      cost.read += page.read;
      cost.readUnits += page.readUnits;
      for (const item of page.items) {
        const entity = visible(collection, item);
        if (entity !== undefined) yield entity;
      }
      start = page.next;
    } while (start !== undefined);
  }

  async #scanAll(collection: CollectionName, cost: Cost, take: (entity: Entity) => void): Promise<void> {
    const segments = Array.from({ length: SCAN_SEGMENTS }, async (_, Segment) => {
      const input: ScanCommandInput = { ...this.#table(collection), Segment, TotalSegments: SCAN_SEGMENTS };
      let start: Item | undefined;
      do {
        const page = await this.#calls.scan({ ...input, ExclusiveStartKey: start });
        cost.read += page.read;
        cost.readUnits += page.readUnits;
        for (const item of page.items) {
          const entity = visible(collection, item);
          if (entity !== undefined) take(entity);
        }
        start = page.next;
      } while (start !== undefined);
    });
    await Promise.all(segments);
  }

  async #eachValue({ values }: IndexPlan, read: (value: Scalar) => Promise<void>): Promise<void> {
    for (let i = 0; i < values.length; i += MAX_CONCURRENT_QUERIES) {
      await Promise.all(values.slice(i, i + MAX_CONCURRENT_QUERIES).map(read));
    }
  }
}

/** The entity of an item, unless it is hidden. */
const visible = (collection: CollectionName, item: Item | undefined): Entity | undefined =>
  item === undefined || isHidden(item) ? undefined : entityOf(collection, item);

function offer(top: TopEntities, entity: Entity, predicates: readonly Predicate[]): void {
  if (predicates.every((predicate) => meets(entity, predicate))) top.offer(entity);
}

/** Whether an entity comes after another by the field itself, not only by its id. */
function isBeyond(entity: Entity, last: Entity | undefined, field: string, descending: boolean): boolean {
  const [a, b] = [entity[field], last?.[field]];
  if (typeof a !== 'string' || typeof b !== 'string') return false;
  return descending ? compareScalars(a, b) < 0 : compareScalars(a, b) > 0;
}
