/** Adds an index to a table in use. */
import { type DynamoDBClient, type TableDescription, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { asStorageError } from '../calls/faults.ts';
import { describeTable, poll } from './create-tables.ts';
import { provisionedCapacity } from './inspect-table.ts';
import {
  attributeDefinitions,
  createIndexInput,
  type IndexDefinition,
  type TableDefinition,
} from './table-definitions.ts';

/** The table, once no change is in progress: DynamoDB creates one index of a table at a time. */
const whenQuiet = (client: DynamoDBClient, name: string, withinMs: number, index?: IndexDefinition) =>
  poll(async () => {
    const table = await describeTable(client, name);
    const { TableStatus, GlobalSecondaryIndexes: indexes = [] } = table ?? {};
    // DescribeTable may return a slightly outdated state.
    const isListed = index === undefined || indexes.some(({ IndexName }) => IndexName === index.name);
    const isQuiet = TableStatus === 'ACTIVE' && indexes.every(({ IndexStatus }) => IndexStatus === 'ACTIVE');
    return isListed && isQuiet ? table : undefined;
  }, withinMs);

async function addIndex(client: DynamoDBClient, table: TableDescription, name: string, index: IndexDefinition) {
  const update = new UpdateTableCommand({
    TableName: name,
    AttributeDefinitions: attributeDefinitions([index.partitionKey, index.sortKey]),
    GlobalSecondaryIndexUpdates: [{ Create: createIndexInput(index, provisionedCapacity(table)) }],
  });
  try {
    await client.send(update);
  } catch (error) {
    throw asStorageError(error, `create the index ${index.name} of the table ${name}`);
  }
}

/**
 * Adds an index with the capacity of its table, and waits until it is ready.
 * @returns false if that takes longer than `withinMs`; DynamoDB continues
 * @throws ConfigurationError, StorageUnavailableError
 */
export async function createIndex(
  client: DynamoDBClient,
  { name }: TableDefinition,
  index: IndexDefinition,
  withinMs: number,
): Promise<boolean> {
  const table = await whenQuiet(client, name, withinMs);
  if (table === undefined) return false;
  await addIndex(client, table, name, index);
  return (await whenQuiet(client, name, withinMs, index)) !== undefined;
}
