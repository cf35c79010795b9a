import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  AttributeType,
  Billing,
  Capacity,
  type CfnGlobalTable,
  type GlobalSecondaryIndexPropsV2,
  TableEncryptionV2,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';
import type { CollectionName } from '../../model/collections.ts';
import { type TableDefinition, tableDefinitions } from '../../strategies/dynamodb/tables/table-definitions.ts';
import type { DeployedStore } from './deployed-store.ts';
import { explain } from '../nag-reasons.ts';
import { allowKey } from './key-access.ts';
import { pinned } from './logical-ids.ts';
import type { ServiceFunction } from '../functions/service-function.ts';
import type { StoreNeeds } from '../functions/store-permissions.ts';
import { TableAccess } from './table-access.ts';

const textKey = (name: string) => ({ name, type: AttributeType.STRING });

/** Capacity between limits, or a constant one. A global table accepts no fixed write capacity, so that is a range of one. */
function capacityOf({ capacity, autoScaling }: TableDefinition, kind: 'read' | 'write'): Capacity | undefined {
  if (capacity === undefined) return undefined;
  const units = capacity[kind];
  const { min, max } = autoScaling?.[kind] ?? { min: units, max: units };
  return Capacity.autoscaled({
    minCapacity: min,
    maxCapacity: max,
    ...(autoScaling !== undefined && { targetUtilizationPercent: autoScaling.targetUtilization }),
    // Initial capacity of a table that was PAY_PER_REQUEST before.
    seedCapacity: Math.max(units, min),
  });
}

/** The read or write capacity of tables and indexes, for the props of either. */
function capacities(definition: TableDefinition): { readCapacity?: Capacity; writeCapacity?: Capacity } {
  const [readCapacity, writeCapacity] = [capacityOf(definition, 'read'), capacityOf(definition, 'write')];
  return readCapacity === undefined || writeCapacity === undefined ? {} : { readCapacity, writeCapacity };
}

const indexesOf = (definition: TableDefinition): GlobalSecondaryIndexPropsV2[] =>
  definition.indexes.map(({ name, partitionKey, sortKey }) => ({
    indexName: name,
    partitionKey: textKey(partitionKey),
    sortKey: textKey(sortKey),
    ...capacities(definition),
  }));

function billingOf(definition: TableDefinition): Billing {
  const { readCapacity, writeCapacity } = capacities(definition);
  return readCapacity === undefined || writeCapacity === undefined
    ? Billing.onDemand()
    : Billing.provisioned({ readCapacity, writeCapacity });
}

export interface DynamodbStoreProps {
  readonly storage: Config['storage'];
  readonly deployment: DeploymentConfig;
  readonly key: Key | undefined;
}

/** The DynamoDB tables of the model, with the names that other programs rely on. */
export class DynamodbStore extends Construct implements DeployedStore {
  readonly network = undefined;
  readonly tableNames: readonly string[];
  readonly #access: TableAccess;
  readonly #key: Key | undefined;

  constructor(scope: Construct, id: string, { storage, deployment, key }: DynamodbStoreProps) {
    super(scope, id);
    this.#key = key;
    const definitions = tableDefinitions(storage.dynamodb_strategy);
    this.tableNames = definitions.map(({ name }) => name);
    this.#access = new TableAccess(Stack.of(this), definitions);
    for (const definition of definitions) this.#table(definition, deployment);
  }

  /** The names of the tables are in the configuration. */
  describe(): void {}

  connect(target: ServiceFunction, needs: StoreNeeds): void {
    this.#access.allow(target, needs);
    if (needs.dynamodb.length > 0) allowKey(target, this.#key, 'dynamodb', needs.access);
  }

  /** Grants others with access to the tables the use of their key. */
  allowKey(grantee: IGrantable): void {
    allowKey(grantee, this.#key, 'dynamodb', 'write');
  }

  tableArn(collection: CollectionName): string {
    return this.#access.tableArn(collection);
  }

  /** @param partitionKeys of the selected indexes; all indexes if left out */
  indexArns(collection: CollectionName, partitionKeys?: readonly string[]): string[] {
    return this.#access.indexArns(collection, partitionKeys);
  }

  #table(definition: TableDefinition, deployment: DeploymentConfig): void {
    const { point_in_time_recovery, deletion_protection, replicas } = deployment;
    const regionKeys = Object.fromEntries(replicas.map(({ region, key_arn = '' }) => [region, key_arn]));
    const table = new TableV2(this, definition.collection, {
      tableName: definition.name,
      partitionKey: textKey(definition.partitionKey),
      globalSecondaryIndexes: indexesOf(definition),
      billing: billingOf(definition),
      encryption:
        this.#key === undefined
          ? TableEncryptionV2.awsManagedKey()
          : TableEncryptionV2.customerManagedKey(this.#key, regionKeys),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: point_in_time_recovery },
      deletionProtection: deletion_protection,
      removalPolicy: RemovalPolicy.RETAIN,
      replicas: replicas.map(({ region }) => ({ region })),
    });
    pinned(table.node.defaultChild as CfnGlobalTable, `${definition.collection}Table`);
    if (!point_in_time_recovery) {
      explain(table, 'DDB3', 'deployment.point_in_time_recovery is false in the configuration of this environment.');
    }
  }
}
