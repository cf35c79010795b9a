/**
 * The tables, derived from the model: both those that this program creates and those that CDK deploys. Plain data, without
 * the SDK, since CDK imports it.
 */
import type { CreateTableCommandInput, GlobalSecondaryIndex, KeySchemaElement } from '@aws-sdk/client-dynamodb';
import type { DynamodbStrategyConfig } from '../../../config/dynamodb-strategy.ts';
import { type CollectionName, collectionNames, declarationOf, idFieldOf } from '../../../model/collections.ts';

/** A global secondary index that projects all attributes. */
export interface IndexDefinition {
  readonly name: string;
  readonly partitionKey: string;
  readonly sortKey: string;
}

/** Units per second, separately for a table and for each of its indexes. */
export interface Capacity {
  readonly read: number;
  readonly write: number;
}

/** The limits within which Application Auto Scaling sets the capacity of a table and of each of its indexes. */
export interface AutoScaling {
  readonly read: { readonly min: number; readonly max: number };
  readonly write: { readonly min: number; readonly max: number };
  /** Percent. */
  readonly targetUtilization: number;
}

export interface TableDefinition {
  readonly name: string;
  readonly collection: CollectionName;
  readonly partitionKey: string;
  /** The attributes that are keys of the table or of an index. All are strings: ids, short texts and timestamps. */
  readonly keyAttributes: readonly string[];
  readonly indexes: readonly IndexDefinition[];
  /** The provisioned capacity; undefined with PAY_PER_REQUEST. */
  readonly capacity: Capacity | undefined;
  /** Set up only at deployment; undefined if the capacity is fixed. */
  readonly autoScaling: AutoScaling | undefined;
}

type TableSettings = Pick<
  DynamodbStrategyConfig,
  'table_prefix' | 'billing_mode' | 'read_capacity' | 'write_capacity' | 'auto_scaling'
>;

/** SPEC.md: `hostfactory_templates` and so on. */
export const tableName = (prefix: string, collection: CollectionName): string => `${prefix}_${collection}`;

const autoScalingOf = ({ auto_scaling }: TableSettings): AutoScaling | undefined =>
  auto_scaling.enabled
    ? {
        read: { min: auto_scaling.min_read_capacity, max: auto_scaling.max_read_capacity },
        write: { min: auto_scaling.min_write_capacity, max: auto_scaling.max_write_capacity },
        targetUtilization: auto_scaling.target_utilization,
      }
    : undefined;

/** The tables of a configuration, one for each collection. */
export function tableDefinitions(config: TableSettings): TableDefinition[] {
  const provisioned = config.billing_mode === 'PROVISIONED';
  const capacity = provisioned ? { read: config.read_capacity, write: config.write_capacity } : undefined;
  const autoScaling = provisioned ? autoScalingOf(config) : undefined;
  return collectionNames.map((collection) => {
    const { indexes } = declarationOf(collection);
    const partitionKey = idFieldOf(collection);
    const indexKeys = indexes.flatMap((index) => [index.partitionKey, index.sortKey]);
    return {
      name: tableName(config.table_prefix, collection),
      collection,
      partitionKey,
      keyAttributes: [...new Set([partitionKey, ...indexKeys])],
      indexes,
      capacity,
      autoScaling,
    };
  });
}

export const attributeDefinitions = (names: readonly string[]) =>
  names.map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const }));

const keySchema = (partitionKey: string, sortKey?: string): KeySchemaElement[] => [
  { AttributeName: partitionKey, KeyType: 'HASH' },
  ...(sortKey === undefined ? [] : [{ AttributeName: sortKey, KeyType: 'RANGE' as const }]),
];

const throughput = (capacity: Capacity | undefined) =>
  capacity && { ProvisionedThroughput: { ReadCapacityUnits: capacity.read, WriteCapacityUnits: capacity.write } };

/** The input of CreateTable and UpdateTable for an index. */
export const createIndexInput = (
  { name, partitionKey, sortKey }: IndexDefinition,
  capacity: Capacity | undefined,
): GlobalSecondaryIndex => ({
  IndexName: name,
  KeySchema: keySchema(partitionKey, sortKey),
  Projection: { ProjectionType: 'ALL' },
  ...throughput(capacity),
});

/** The input of CreateTable. */
export const createTableInput = ({
  name,
  partitionKey,
  keyAttributes,
  indexes,
  capacity,
}: TableDefinition): CreateTableCommandInput => ({
  TableName: name,
  KeySchema: keySchema(partitionKey),
  AttributeDefinitions: attributeDefinitions(keyAttributes),
  BillingMode: capacity === undefined ? 'PAY_PER_REQUEST' : 'PROVISIONED',
  ...throughput(capacity),
  // DynamoDB refuses an empty list.
  ...(indexes.length > 0 && { GlobalSecondaryIndexes: indexes.map((index) => createIndexInput(index, capacity)) }),
});
