/** How each operation of the API uses the store, which decides the permissions of its function. */
import type { Config } from '../../config/configuration.ts';
import {
  type CollectionName,
  collectionNames,
  declarationOf,
  referencesFrom,
  referencesTo,
} from '../../model/collections.ts';
import type { Operation } from '../../service/http/routes.ts';

export type DynamodbAction =
  | 'BatchGetItem'
  | 'ConditionCheckItem'
  | 'DeleteItem'
  | 'GetItem'
  | 'PutItem'
  | 'Query'
  | 'Scan'
  | 'UpdateItem';

/**
 * DynamoDB actions on the tables of some collections, or on some of their indexes. TransactWriteItems has no permission of
 * its own: its parts need PutItem, UpdateItem, DeleteItem and ConditionCheckItem.
 */
export interface TableNeed {
  readonly actions: readonly DynamodbAction[];
  readonly collections: readonly CollectionName[];
  /** Partition keys of the indexes; the tables themselves if left out. */
  readonly indexesOn?: readonly string[];
}

export interface StoreNeeds {
  /** 'open' is enough to read a store's capabilities. */
  readonly access: 'open' | 'read' | 'write';
  readonly dynamodb: readonly TableNeed[];
}

export const everything = collectionNames;
export const parents = collectionNames.filter((collection) => referencesTo(collection).length > 0);
const children = collectionNames.filter((collection) => referencesFrom(collection).length > 0);
const independent = collectionNames.filter((collection) => !children.includes(collection));

/** Actions on tables themselves. */
export const tables = (collections: readonly CollectionName[], ...actions: DynamodbAction[]): TableNeed => ({
  actions,
  collections,
});
const query = (collection: CollectionName, ...indexesOn: string[]): TableNeed => ({
  actions: ['Query'],
  collections: [collection],
  indexesOn,
});

/** Queries by any index: the planner chooses. */
const allIndexes = collectionNames.flatMap((collection) => {
  const keys = declarationOf(collection).indexes.map(({ partitionKey }) => partitionKey);
  return keys.length === 0 ? [] : [query(collection, ...keys)];
});
/** Queries for children that reference an entity to be deleted. */
export const childLookups = children.map((collection) =>
  query(collection, ...referencesFrom(collection).map(({ field }) => field)),
);
/** A health check reads each table. */
export const healthReads = tables(everything, 'GetItem');
/** Checks that parents exist. */
const parentChecks = tables(parents, 'ConditionCheckItem');
/** A machine without template_id takes that of its request. Requests may also be hidden, which only a read reveals. */
const requestsRead = tables(['requests'], 'GetItem');

const read = (...dynamodb: TableNeed[]): StoreNeeds => ({ access: 'read', dynamodb });
const write = (...dynamodb: TableNeed[]): StoreNeeds => ({ access: 'write', dynamodb });

/**
 * By operation, with references enforced or not. An entity with parents to check is written by a transaction, which reads
 * and replaces it (PutItem); any other by one call (UpdateItem, or PutItem if it must be new).
 */
const needs: { readonly [O in Operation]?: (enforced: boolean) => StoreNeeds } = {
  'get-entity': () => read(tables(everything, 'GetItem')),
  'get-health': () => read(healthReads),
  'query-entities': () => read(tables(everything, 'Scan'), ...allIndexes),
  'count-entities': () => read(tables(everything, 'Scan'), ...allIndexes),
  'batch-get': () => read(tables(everything, 'BatchGetItem', 'GetItem')),
  'create-entity': (enforced) =>
    write(tables(everything, 'PutItem'), requestsRead, ...(enforced ? [parentChecks] : [])),
  'save-entity': (enforced) =>
    enforced
      ? write(
          tables(everything, 'PutItem'),
          tables(independent, 'UpdateItem'),
          tables(children, 'GetItem'),
          parentChecks,
        )
      : write(tables(everything, 'PutItem', 'UpdateItem'), requestsRead),
  // Entities that may become too large are read and replaced.
  'update-entity': (enforced) =>
    write(tables(everything, 'GetItem', 'PutItem', 'UpdateItem'), ...(enforced ? [parentChecks] : [])),
  'delete-entity': (enforced) =>
    enforced
      ? write(tables(everything, 'DeleteItem'), tables(parents, 'GetItem'), ...childLookups)
      : write(tables(everything, 'DeleteItem')),
  'batch-save': (enforced) =>
    enforced
      ? write(tables(independent, 'UpdateItem'), tables(children, 'BatchGetItem', 'GetItem', 'PutItem'), parentChecks)
      : write(tables(everything, 'UpdateItem'), tables(['requests'], 'BatchGetItem', 'GetItem', 'PutItem')),
  'execute-transaction': (enforced) =>
    write(
      tables(everything, 'ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem'),
      ...(enforced ? childLookups : []),
    ),
  // UpdateItem makes a request of more than 98 machines visible; DeleteItem removes an incomplete one.
  'provision-request': (enforced) =>
    write(
      tables(['templates', 'requests'], 'GetItem'),
      tables(['requests', 'machines'], 'DeleteItem', 'PutItem', 'UpdateItem'),
      query('machines', 'request_id'),
      ...(enforced ? [tables(['templates'], 'ConditionCheckItem')] : []),
    ),
};

/** The needs of an operation; undefined if it uses no store. */
export const needsOf = (operation: Operation, { enforce_references }: Config['storage']): StoreNeeds | undefined =>
  needs[operation]?.(enforce_references);
