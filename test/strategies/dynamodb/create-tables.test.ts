import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  DynamoDBServiceException,
  ListTablesCommand,
  PutItemCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mockClient } from 'aws-sdk-client-mock';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import { ConfigurationError, StorageUnavailableError } from '../../../lib/repository/errors.ts';
import { ensureTables } from '../../../lib/strategies/dynamodb/tables/create-tables.ts';
import {
  createTableInput,
  type TableDefinition,
  tableDefinitions,
} from '../../../lib/strategies/dynamodb/tables/table-definitions.ts';
import { newTestTables } from '../../backends/test-tables.ts';

const definitionsOf = (dynamodb_strategy: object): TableDefinition[] =>
  tableDefinitions(parseConfig({ storage: { strategy: 'dynamodb', dynamodb_strategy } }, {}).storage.dynamodb_strategy);

let client: DynamoDBClient;
let definitions: TableDefinition[];
let machines: TableDefinition;

beforeEach(() => {
  const { endpoint, region, table_prefix } = newTestTables();
  client = new DynamoDBClient({ endpoint, region });
  definitions = definitionsOf({ table_prefix });
  machines = definitions.at(-1) as TableDefinition;
});
afterEach(() => client.destroy());

const describe = async (name: string) => (await client.send(new DescribeTableCommand({ TableName: name }))).Table;

async function failure(work: Promise<unknown>): Promise<Error> {
  const outcome = await work.then(
    () => undefined,
    (error: Error) => error,
  );
  if (outcome === undefined) throw new Error('It succeeded.');
  return outcome;
}

test('missing tables are created as defined', async () => {
  await ensureTables(client, definitions);
  for (const definition of definitions) {
    const { GlobalSecondaryIndexes = [], KeySchema, AttributeDefinitions } = createTableInput(definition);
    const table = await describe(definition.name);
    expect(table).toMatchObject({ TableStatus: 'ACTIVE', KeySchema });
    expect(table?.AttributeDefinitions).toEqual(expect.arrayContaining(AttributeDefinitions ?? []));
    expect(table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST');
    expect(table?.GlobalSecondaryIndexes ?? []).toHaveLength(GlobalSecondaryIndexes.length);
    for (const index of GlobalSecondaryIndexes) {
      const active = { ...index, IndexStatus: 'ACTIVE' };
      expect(table?.GlobalSecondaryIndexes).toContainEqual(expect.objectContaining(active));
    }
  }
});

test('PROVISIONED tables have their capacities', async () => {
  const { table_prefix } = newTestTables();
  await ensureTables(client, definitionsOf({ table_prefix, billing_mode: 'PROVISIONED', read_capacity: 7 }));
  const units = { ReadCapacityUnits: 7, WriteCapacityUnits: 5 };
  const table = await describe(`${table_prefix}_requests`);
  expect(table?.ProvisionedThroughput).toMatchObject(units);
  for (const index of table?.GlobalSecondaryIndexes ?? []) expect(index.ProvisionedThroughput).toMatchObject(units);
});

test('tables with the longest possible names can be created', async () => {
  const { table_prefix } = newTestTables();
  const longest = definitionsOf({ table_prefix: table_prefix.padEnd(245, '.') });
  await ensureTables(client, longest);
  expect(Math.max(...longest.map(({ name }) => name.length))).toBe(255);
});

test('existing tables are not changed, and missing ones are created', async () => {
  const { GlobalSecondaryIndexes: _, ...input } = createTableInput(machines);
  const AttributeDefinitions = [{ AttributeName: 'machine_id', AttributeType: 'S' as const }];
  const Item = { machine_id: { S: 'm-1' } };
  await client.send(new CreateTableCommand({ ...input, AttributeDefinitions }));
  await client.send(new PutItemCommand({ TableName: machines.name, Item }));
  await ensureTables(client, definitions);
  await ensureTables(client, definitions);
  expect((await describe(machines.name))?.GlobalSecondaryIndexes).toBeUndefined();
  expect((await client.send(new ScanCommand({ TableName: machines.name }))).Items).toEqual([Item]);
  expect((await describe(definitions[0]?.name as string))?.TableStatus).toBe('ACTIVE');
});

test('several processes may create them at once', async () => {
  await Promise.all(Array.from({ length: 20 }, () => ensureTables(client, definitions)));
  const { TableNames = [] } = await client.send(
    new ListTablesCommand({ ExclusiveStartTableName: definitions[0]?.name.slice(0, -9) }),
  );
  expect(definitions.every(({ name }) => TableNames.includes(name))).toBe(true);
});

test.each([
  ['machine_id', 'N', undefined, 'machine_id (N)'],
  ['pk', 'S', 'sk', 'pk (S) and sk (S)'],
] as const)('a table with the key %s of type %s and sort key %s is refused', async (key, type, sortKey, found) => {
  await client.send(
    new CreateTableCommand({
      TableName: machines.name,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: key, KeyType: 'HASH' },
        ...(sortKey === undefined ? [] : [{ AttributeName: sortKey, KeyType: 'RANGE' as const }]),
      ],
      AttributeDefinitions: [
        { AttributeName: key, AttributeType: type },
        ...(sortKey === undefined ? [] : [{ AttributeName: sortKey, AttributeType: 'S' as const }]),
      ],
    }),
  );
  const error = await failure(ensureTables(client, definitions));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toBe(
    `The table ${machines.name} has the key ${found}, not machine_id (S): another program created it. Choose another table_prefix.`,
  );
});

test('an endpoint without a server is StorageUnavailableError', async () => {
  const nobody = new DynamoDBClient({ endpoint: 'http://127.0.0.1:1', region: 'us-east-1', maxAttempts: 1 });
  const error = await failure(ensureTables(nobody, definitions));
  expect(error).toBeInstanceOf(StorageUnavailableError);
  expect(String(error.cause)).toContain('ECONNREFUSED');
});

test('without a region, the message says where to set it', async () => {
  const { AWS_REGION } = process.env;
  try {
    delete process.env.AWS_REGION;
    const error = await failure(ensureTables(new DynamoDBClient({}), definitions));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(/region/);
  } finally {
    if (AWS_REGION !== undefined) process.env.AWS_REGION = AWS_REGION;
  }
});

test('without credentials it is StorageUnavailableError', async () => {
  const credentials = async () => {
    throw Object.assign(new Error('Could not load credentials from any providers'), {
      name: 'CredentialsProviderError',
    });
  };
  const stranger = new DynamoDBClient({ region: 'us-east-1', credentials });
  const error = await failure(ensureTables(stranger, definitions));
  expect(error).toBeInstanceOf(StorageUnavailableError);
  expect(error.message).toContain('credentials');
});

const about = { $metadata: {}, message: '' };
const notFound = new ResourceNotFoundException(about);
const inUse = new ResourceInUseException(about);

const denied = (action: string) =>
  new DynamoDBServiceException({
    ...about,
    name: 'AccessDeniedException',
    $fault: 'client',
    message: `User: arn:aws:iam::123456789012:user/hfstorage is not authorized to perform: dynamodb:${action}`,
  });

/** A table as DynamoDB describes it. */
const described = (
  TableStatus: 'ACTIVE' | 'CREATING' | 'DELETING' | 'UPDATING' | 'ARCHIVED',
  indexes: object[] = [],
) => ({
  TableStatus,
  KeySchema: [{ AttributeName: 'machine_id', KeyType: 'HASH' as const }],
  AttributeDefinitions: [{ AttributeName: 'machine_id', AttributeType: 'S' as const }],
  GlobalSecondaryIndexes: indexes,
});

test.each(['DescribeTable', 'CreateTable'])('if AWS denies permission for %s, the message names it', async (action) => {
  const mock = mockClient(client);
  if (action === 'DescribeTable') mock.on(DescribeTableCommand).rejects(denied(action));
  else mock.on(DescribeTableCommand).rejects(notFound).on(CreateTableCommand).rejects(denied(action));
  const error = await failure(ensureTables(client, definitions));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain(`dynamodb:${action}`);
});

test('waits until a table and the indexes created with it are ACTIVE', async () => {
  const mock = mockClient(client);
  mock
    .on(DescribeTableCommand)
    .rejectsOnce(notFound)
    // DescribeTable may not find it yet after its creation.
    .rejectsOnce(notFound)
    .resolvesOnce({ Table: described('ACTIVE', [{ IndexStatus: 'CREATING' }]) })
    .resolves({ Table: described('ACTIVE', [{ IndexStatus: 'ACTIVE' }]) });
  mock
    .on(CreateTableCommand)
    .resolvesOnce({ TableDescription: described('CREATING') })
    .rejects(inUse);
  await ensureTables(client, [machines]);
  expect(mock.commandCalls(DescribeTableCommand)).toHaveLength(4);
});

test('a table that is being deleted is created again once it is gone', async () => {
  const mock = mockClient(client);
  mock
    .on(DescribeTableCommand)
    .resolvesOnce({ Table: described('DELETING') })
    .rejects(notFound);
  mock.on(CreateTableCommand).resolves({ TableDescription: described('ACTIVE') });
  await ensureTables(client, [machines]);
  expect(mock.commandCalls(CreateTableCommand)).toHaveLength(1);
});

test('does not wait for an index that is being added to a table in use', async () => {
  const mock = mockClient(client);
  const Table = described('UPDATING', [{ IndexStatus: 'CREATING', Backfilling: true }]);
  mock.on(DescribeTableCommand).resolves({ Table });
  await ensureTables(client, [machines]);
});

test('a table that is not created in time is reported', async () => {
  mockClient(client)
    .on(DescribeTableCommand)
    .resolves({ Table: described('CREATING') });
  const error = await failure(ensureTables(client, [machines], { withinMs: 150 }));
  expect(error).toBeInstanceOf(StorageUnavailableError);
  expect(error.message).toBe(`After 0.15 s, DynamoDB is still creating: ${machines.name}. Try again later.`);
});

test('a table in a permanent state is an error', async () => {
  mockClient(client)
    .on(DescribeTableCommand)
    .resolves({ Table: described('ARCHIVED') });
  const error = await failure(ensureTables(client, [machines]));
  expect(error).toBeInstanceOf(StorageUnavailableError);
  expect(error.message).toContain('is ARCHIVED');
});
