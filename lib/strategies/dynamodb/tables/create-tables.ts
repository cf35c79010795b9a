/** Creates missing tables, and waits for tables that are being created. */
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

/** DynamoDB creates a table in seconds; deleting or restoring one may take minutes. */
const READY_WITHIN_MS = 300_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5000;

/**
 * DynamoDB's description of a table; undefined if it does not exist.
 * @throws ConfigurationError, StorageUnavailableError
 */
export async function describeTable(client: DynamoDBClient, name: string): Promise<TableDescription | undefined> {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: name }))).Table;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    if (error instanceof Error && error.message === 'Region is missing') {
      const todo = 'Set dynamodb_strategy.region or AWS_REGION.';
      throw new ConfigurationError(`The AWS region of the tables is unknown. ${todo}`, { cause: error });
    }
    throw asStorageError(error, `describe the table ${name}`);
  }
}

/** @returns undefined if the table exists after all: DescribeTable may return a slightly outdated state */
async function createTable(client: DynamoDBClient, definition: TableDefinition): Promise<TableDescription | undefined> {
  try {
    return (await client.send(new CreateTableCommand(createTableInput(definition)))).TableDescription;
  } catch (error) {
    if (error instanceof ResourceInUseException) return undefined;
    throw asStorageError(error, `create the table ${definition.name}`);
  }
}

/**
 * Calls `check` at growing intervals until it returns a value.
 * @returns undefined if it did not in time
 */
export async function poll<T>(check: () => Promise<T | undefined>, withinMs: number): Promise<T | undefined> {
  const deadline = Date.now() + withinMs;
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(delay * 2, LONGEST_DELAY_MS)) {
    const found = await check();
    if (found !== undefined || Date.now() + delay > deadline) return found;
    await sleep(delay);
  }
}

/** An index created together with its table has no `Backfilling` member; one that is added later does. */
const isBeingCreated = ({ TableStatus, GlobalSecondaryIndexes = [] }: TableDescription): boolean =>
  TableStatus === 'CREATING' ||
  GlobalSecondaryIndexes.some(
    ({ IndexStatus, Backfilling }) => IndexStatus === 'CREATING' && Backfilling === undefined,
  );

const keysIn = ({ KeySchema = [], AttributeDefinitions = [] }: TableDescription): string =>
  KeySchema.map(({ AttributeName }) => {
    const type = AttributeDefinitions.find((attribute) => attribute.AttributeName === AttributeName)?.AttributeType;
    return `${AttributeName} (${type})`;
  }).join(' and ');

/** @throws ConfigurationError if the table has another key than the definition */
export function requireKey(table: TableDescription, { name, partitionKey }: TableDefinition): void {
  const [found, expected] = [keysIn(table), `${partitionKey} (S)`];
  if (found === expected) return;
  throw new ConfigurationError(
    `The table ${name} has the key ${found}, not ${expected}: another program created it. Choose another table_prefix.`,
  );
}

const USABLE: ReadonlySet<string | undefined> = new Set(['ACTIVE', 'UPDATING']);
const TRANSIENT: ReadonlySet<string | undefined> = new Set(['CREATING', 'DELETING']);

/** Creates the table if it is missing. @returns whether it is ready */
async function isReady(client: DynamoDBClient, definition: TableDefinition): Promise<boolean> {
  const { name } = definition;
  const table = (await describeTable(client, name)) ?? (await createTable(client, definition));
  if (table === undefined || TRANSIENT.has(table.TableStatus) || isBeingCreated(table)) return false;
  if (!USABLE.has(table.TableStatus)) {
    throw new StorageUnavailableError(
      `The table ${name} is ${table.TableStatus}. Run \`hfstorage doctor\` for details.`,
    );
  }
  requireKey(table, definition);
  return true;
}

/**
 * Creates missing tables and waits until they and their indexes are ready. Several processes may do this at once.
 * Existing tables are not changed.
 * @throws ConfigurationError if a table has another key, AWS denies access, or the region is unknown
 * @throws StorageUnavailableError
 */
export async function ensureTables(
  client: DynamoDBClient,
  definitions: readonly TableDefinition[],
  { withinMs = READY_WITHIN_MS }: { readonly withinMs?: number } = {},
): Promise<void> {
  const waiting = new Set(definitions);
  await poll(async () => {
    const check = async (definition: TableDefinition) => {
      if (await isReady(client, definition)) waiting.delete(definition);
    };
    await Promise.all([...waiting].map(check));
    return waiting.size === 0 || undefined;
  }, withinMs);
  if (waiting.size === 0) return;
  const names = [...waiting].map(({ name }) => name).join(', ');
  throw new StorageUnavailableError(
    `After ${withinMs / 1000} s, DynamoDB is still creating: ${names}. Try again later.`,
  );
}
