/** Makes the tables that are missing, and waits for those that are being made. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { ConfigurationError, StorageUnavailableError } from '../../../repository/errors.ts';
import { asStorageError } from '../calls/faults.ts';
import { createTableInput, type TableDefinition } from './table-definitions.ts';

/** DynamoDB makes a table in seconds; somebody who deletes or restores one may take minutes. */
const READY_WITHIN_MS = 300_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5000;

/**
 * What DynamoDB says about a table; undefined where there is none.
 * @throws ConfigurationError, StorageUnavailableError
 */
export async function describeTable(client: DynamoDBClient, name: string): Promise<TableDescription | undefined> {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: name }))).Table;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    if (error instanceof Error && error.message === 'Region is missing') {
      const todo = 'Write it as region into dynamodb_strategy, or set AWS_REGION.';
      throw new ConfigurationError(`It is not known in which AWS region the tables are. ${todo}`, { cause: error });
    }
    throw asStorageError(error, `look at the table ${name}`);
  }
}

/** @returns undefined where the table is there after all: DescribeTable may answer with what was a moment ago */
async function createTable(client: DynamoDBClient, definition: TableDefinition): Promise<TableDescription | undefined> {
  try {
    return (await client.send(new CreateTableCommand(createTableInput(definition)))).TableDescription;
  } catch (error) {
    if (error instanceof ResourceInUseException) return undefined;
    throw asStorageError(error, `make the table ${definition.name}`);
  }
}

/**
 * Calls `look`, less and less often, until it returns something.
 * @returns undefined where it did not in time
 */
export async function poll<T>(look: () => Promise<T | undefined>, withinMs: number): Promise<T | undefined> {
  const deadline = Date.now() + withinMs;
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(delay * 2, LONGEST_DELAY_MS)) {
    const found = await look();
    if (found !== undefined || Date.now() + delay > deadline) return found;
    await sleep(delay);
  }
}

/** An index that was made with its table never says whether it is being filled; one that was added later does. */
const isBeingMade = ({ TableStatus, GlobalSecondaryIndexes = [] }: TableDescription): boolean =>
  TableStatus === 'CREATING' ||
  GlobalSecondaryIndexes.some(
    ({ IndexStatus, Backfilling }) => IndexStatus === 'CREATING' && Backfilling === undefined,
  );

const keysIn = ({ KeySchema = [], AttributeDefinitions = [] }: TableDescription): string =>
  KeySchema.map(({ AttributeName }) => {
    const type = AttributeDefinitions.find((attribute) => attribute.AttributeName === AttributeName)?.AttributeType;
    return `${AttributeName} (${type})`;
  }).join(' and ');

/** @throws ConfigurationError where the table has another key than the definition */
export function requireKey(table: TableDescription, { name, partitionKey }: TableDefinition): void {
  const [found, expected] = [keysIn(table), `${partitionKey} (S)`];
  if (found === expected) return;
  throw new ConfigurationError(
    `The table ${name} has the key ${found}, not ${expected}: another program made it. Choose another table_prefix.`,
  );
}

const USABLE: ReadonlySet<string | undefined> = new Set(['ACTIVE', 'UPDATING']);
const PASSING: ReadonlySet<string | undefined> = new Set(['CREATING', 'DELETING']);

/** Makes the table where it is missing, and says whether it can be used by now. */
async function isReady(client: DynamoDBClient, definition: TableDefinition): Promise<boolean> {
  const { name } = definition;
  const table = (await describeTable(client, name)) ?? (await createTable(client, definition));
  if (table === undefined || PASSING.has(table.TableStatus) || isBeingMade(table)) return false;
  if (!USABLE.has(table.TableStatus)) {
    throw new StorageUnavailableError(
      `The table ${name} is ${table.TableStatus}. See what \`hfstorage doctor\` says about it.`,
    );
  }
  requireKey(table, definition);
  return true;
}

/**
 * Makes the tables that are missing and waits until they and their indexes can be used. Several processes may do this at
 * once. Tables that exist are left as they are.
 * @throws ConfigurationError where a table has another key, where AWS does not allow it, or without a region
 * @throws StorageUnavailableError
 */
export async function ensureTables(
  client: DynamoDBClient,
  definitions: readonly TableDefinition[],
  { withinMs = READY_WITHIN_MS }: { readonly withinMs?: number } = {},
): Promise<void> {
  const waiting = new Set(definitions);
  await poll(async () => {
    const look = async (definition: TableDefinition) => {
      if (await isReady(client, definition)) waiting.delete(definition);
    };
    await Promise.all([...waiting].map(look));
    return waiting.size === 0 || undefined;
  }, withinMs);
  if (waiting.size === 0) return;
  const names = [...waiting].map(({ name }) => name).join(', ');
  throw new StorageUnavailableError(`After ${withinMs / 1000} s, DynamoDB is still making: ${names}. Try again later.`);
}
