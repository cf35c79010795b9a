import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { DynamodbStrategyConfig } from '../../../lib/config/dynamodb-strategy.ts';
import type { Finding } from '../../../lib/repository/finding.ts';
import { ensureTables } from '../../../lib/strategies/dynamodb/tables/create-tables.ts';
import {
  createTableInput,
  type TableDefinition,
  tableDefinitions,
} from '../../../lib/strategies/dynamodb/tables/table-definitions.ts';
import { newTestTables } from '../../backends/test-tables.ts';
import { about, clientOf, configOf, describeTable, requestsTable, runDoctor, withoutIndexes } from './doctor-runs.ts';

let client: DynamoDBClient;
let config: DynamodbStrategyConfig;
let requests: TableDefinition;

beforeEach(() => {
  config = configOf(newTestTables());
  client = clientOf(config);
  requests = requestsTable(config);
});
afterEach(() => client.destroy());

const create = (settings = config): Promise<void> => ensureTables(client, tableDefinitions(settings));

const doctor = (options: { repair?: boolean; settings?: DynamodbStrategyConfig } = {}): Promise<Finding[]> =>
  runDoctor(client, options.settings ?? config, { repair: options.repair ?? false });

const remedies = (findings: readonly Finding[]) => findings.flatMap(({ remedy }) => remedy ?? []);

const ADJUST = 'Change it where the tables are managed (CDK), or adapt dynamodb_strategy to it.';
const healthy = [
  'ok: The table is ACTIVE. As of the last count, at most 6 hours ago, it has 0 items in 0.0 MB.',
  'ok: Each request is billed (PAY_PER_REQUEST).',
  'ok: Every index exists and is ready.',
  'warning: Deletion protection is off.',
  'ok: It is encrypted at rest with a key that AWS owns.',
  'ok: It is unknown whether point-in-time recovery is on: this DynamoDB does not have it.',
];

test('missing tables are created by opening the store', async () => {
  expect(await doctor()).toEqual([
    {
      level: 'ok',
      subject: config.table_prefix,
      message: 'The tables do not exist yet; opening the store creates them.',
      final: true,
    },
  ]);
});

test('a repair creates the tables, and then everything is sound', async () => {
  const names = tableDefinitions(config).map(({ name }) => name);
  expect(await doctor({ repair: true })).toEqual(
    names.map((subject) => ({ level: 'ok', subject, message: 'The table was created.' })),
  );
  expect(await doctor({ repair: true })).toEqual([]);
  const findings = await doctor();
  expect(about(findings, requests.name)).toEqual(healthy);
  expect(findings).toHaveLength(3 * healthy.length - 1);
});

test('a missing table is a warning if others exist, and the last finding', async () => {
  await create();
  await client.send(new DeleteTableCommand({ TableName: requests.name }));
  const findings = await doctor();
  expect(findings.filter(({ final }) => final)).toEqual([findings.at(-1)]);
  expect(findings.at(-1)).toMatchObject({
    level: 'warning',
    subject: config.table_prefix,
    message: `Missing, although other tables exist: ${requests.name}. Opening the store creates the missing ones, empty.`,
    remedy: 'If a table was deleted, restore it from a backup first.',
  });
  expect(about(await doctor({ repair: true }), requests.name)).toEqual(['ok: The table was created.']);
});

test.each([{}, { billing_mode: 'PROVISIONED', read_capacity: 2, write_capacity: 3 }])(
  'a repair of %j creates missing indexes, one after the other',
  async (billing) => {
    const settings = { ...config, ...billing } as DynamodbStrategyConfig;
    requests = requestsTable(settings);
    await client.send(new CreateTableCommand(withoutIndexes(requests)));
    await create(settings);
    const findings = about(await doctor({ settings }), requests.name);
    expect(findings.filter((finding) => finding.startsWith('error'))).toEqual([
      'error: The index template_id-created_at-index is missing: queries that need it fail.',
      'error: The index status-created_at-index is missing: queries that need it fail.',
    ]);
    expect(await doctor({ settings, repair: true })).toEqual([
      { level: 'ok', subject: requests.name, message: 'The index template_id-created_at-index was created.' },
      { level: 'ok', subject: requests.name, message: 'The index status-created_at-index was created.' },
    ]);
    expect((await doctor({ settings })).filter(({ level }) => level === 'error')).toEqual([]);
    const { GlobalSecondaryIndexes = [] } = await describeTable(client, requests.name);
    const units = { ReadCapacityUnits: 2, WriteCapacityUnits: 3 };
    if ('billing_mode' in billing)
      for (const index of GlobalSecondaryIndexes) expect(index.ProvisionedThroughput).toMatchObject(units);
  },
);

test('an index that differs is reported, and a repair does not change it', async () => {
  const input = createTableInput(requests);
  const [first, second] = input.GlobalSecondaryIndexes ?? [];
  const others = [
    { ...first, KeySchema: second?.KeySchema },
    { ...second, Projection: { ProjectionType: 'KEYS_ONLY' as const } },
  ] as NonNullable<typeof input.GlobalSecondaryIndexes>;
  const AttributeDefinitions = input.AttributeDefinitions?.filter(
    ({ AttributeName }) => AttributeName !== 'template_id',
  );
  await client.send(new CreateTableCommand({ ...input, AttributeDefinitions, GlobalSecondaryIndexes: others }));
  await create();
  expect(await doctor({ repair: true })).toEqual([]);
  const findings = await doctor();
  expect(about(findings, requests.name).slice(2, 4)).toEqual([
    'error: The index template_id-created_at-index projects ALL by (status, created_at), not ALL by (template_id, created_at).',
    'error: The index status-created_at-index projects KEYS_ONLY by (status, created_at), not ALL by (status, created_at).',
  ]);
  expect(remedies(findings)).toContain('Delete the index at a quiet hour, then run `hfstorage doctor --repair`.');
});

test.each<[object, object, string]>([
  [{}, { billing_mode: 'PROVISIONED' }, 'warning: The table is PAY_PER_REQUEST, but billing_mode is PROVISIONED.'],
  [{ billing_mode: 'PROVISIONED' }, {}, 'warning: The table is PROVISIONED, but billing_mode is PAY_PER_REQUEST.'],
  [
    { billing_mode: 'PROVISIONED' },
    { billing_mode: 'PROVISIONED' },
    'ok: PROVISIONED read/write units a second: table 5/5.',
  ],
  [
    { billing_mode: 'PROVISIONED' },
    { billing_mode: 'PROVISIONED', write_capacity: 6 },
    'warning: PROVISIONED read/write units a second: table 5/5; configured for each: 5/6.',
  ],
  [
    { billing_mode: 'PROVISIONED' },
    { billing_mode: 'PROVISIONED', read_capacity: 50, auto_scaling: true },
    'ok: PROVISIONED read/write units a second: table 5/5.',
  ],
  [
    { billing_mode: 'PROVISIONED' },
    { billing_mode: 'PROVISIONED', auto_scaling: { min_read_capacity: 6, max_write_capacity: 9 } },
    'warning: PROVISIONED read/write units a second: table 5/5; configured for each: 6-100/1-9.',
  ],
])('a table created with %j, configured with %j', async (made, configured, finding) => {
  const prefix = { table_prefix: config.table_prefix };
  await create(configOf({ ...prefix, ...made }));
  const findings = await doctor({ settings: configOf({ ...prefix, ...configured }) });
  expect(about(findings, `${config.table_prefix}_templates`)[1]).toBe(finding);
  expect(remedies(findings).includes(ADJUST)).toBe(finding.startsWith('warning'));
});

test('the capacity of each index is checked', async () => {
  const settings = configOf({ ...newTestTables(), billing_mode: 'PROVISIONED' });
  requests = requestsTable(settings);
  await create(settings);
  const Update = {
    IndexName: 'status-created_at-index',
    ProvisionedThroughput: { ReadCapacityUnits: 9, WriteCapacityUnits: 5 },
  };
  await client.send(new UpdateTableCommand({ TableName: requests.name, GlobalSecondaryIndexUpdates: [{ Update }] }));
  const [, finding] = about(await doctor({ settings }), requests.name);
  expect(finding).toMatch(/^warning: .* table 5\/5, .*status-created_at-index 9\/5.*; configured for each: 5\/5\.$/);
});

test('a table of another program is an error', async () => {
  const KeySchema = [{ AttributeName: 'id', KeyType: 'HASH' as const }];
  const AttributeDefinitions = [{ AttributeName: 'id', AttributeType: 'S' as const }];
  await client.send(new CreateTableCommand({ ...withoutIndexes(requests), KeySchema, AttributeDefinitions }));
  expect(await doctor()).toEqual([
    {
      level: 'error',
      subject: requests.name,
      message: `The table ${requests.name} has the key id (S), not request_id (S): another program created it. Choose another table_prefix.`,
    },
  ]);
});

test('an endpoint without a server is one error', async () => {
  client = new DynamoDBClient({ endpoint: 'http://127.0.0.1:1', region: 'us-east-1', maxAttempts: 1 });
  expect(await doctor()).toEqual([
    { level: 'error', subject: `${config.table_prefix}_templates`, message: expect.any(String) },
  ]);
});

test('deletion protection that is on is reported', async () => {
  await create();
  const protect = (DeletionProtectionEnabled: boolean) =>
    client.send(new UpdateTableCommand({ TableName: requests.name, DeletionProtectionEnabled }));
  await protect(true);
  expect(about(await doctor(), requests.name)).toContain('ok: Deletion protection is on.');
  await protect(false);
});
