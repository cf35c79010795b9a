import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DynamoDBClient,
  DynamoDBServiceException,
  type PointInTimeRecoveryDescription,
  type TableDescription,
  UpdateTableCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mockClient } from 'aws-sdk-client-mock';
import type { DynamodbStrategyConfig } from '../../../lib/config/dynamodb-strategy.ts';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import type { Finding } from '../../../lib/repository/finding.ts';
import { diagnoseDynamodb } from '../../../lib/strategies/dynamodb/doctor.ts';
import { ensureTables } from '../../../lib/strategies/dynamodb/tables/create-tables.ts';
import {
  createTableInput,
  type TableDefinition,
  tableDefinitions,
} from '../../../lib/strategies/dynamodb/tables/table-definitions.ts';
import { newTestTables } from '../../backends/test-tables.ts';

const parse = (dynamodb_strategy: object): DynamodbStrategyConfig =>
  parseConfig({ storage: { strategy: 'dynamodb', dynamodb_strategy } }, {}).storage.dynamodb_strategy;

let client: DynamoDBClient;
let config: DynamodbStrategyConfig;
let requests: TableDefinition;

beforeEach(() => {
  config = parse(newTestTables());
  client = new DynamoDBClient({ endpoint: config.endpoint as string, region: config.region as string });
  requests = tableDefinitions(config)[1] as TableDefinition;
});
afterEach(() => client.destroy());

const create = (settings = config): Promise<void> => ensureTables(client, tableDefinitions(settings));

const describe = async (name: string): Promise<TableDescription> =>
  (await client.send(new DescribeTableCommand({ TableName: name }))).Table as TableDescription;

const doctor = (options: { repair?: boolean; settings?: DynamodbStrategyConfig } = {}): Promise<Finding[]> =>
  Array.fromAsync(diagnoseDynamodb(options.settings ?? config, client, { repair: options.repair ?? false }));

const about = (findings: readonly Finding[], subject: string) =>
  findings.filter((finding) => finding.subject === subject).map(({ level, message }) => `${level}: ${message}`);

const remedies = (findings: readonly Finding[]) => findings.flatMap(({ remedy }) => remedy ?? []);

const ADJUST = 'Change it where the tables are managed (CDK), or adapt dynamodb_strategy to it.';
const healthy = [
  'ok: The table is ACTIVE. As counted within the last 6 hours, it has 0 items in 0.0 MB.',
  'ok: Each request is billed (PAY_PER_REQUEST).',
  'ok: Every index is there and can be used.',
  'warning: Deletion protection is off.',
  'ok: It is encrypted at rest with a key that AWS owns.',
  'ok: Whether point-in-time recovery is on cannot be told: it has none here.',
];

test('where there are no tables yet, opening makes them', async () => {
  expect(await doctor()).toEqual([
    {
      level: 'ok',
      subject: config.table_prefix,
      message: 'The tables do not exist yet; opening the store makes them.',
      final: true,
    },
  ]);
});

test('a repair makes the tables, and then everything is sound', async () => {
  const names = tableDefinitions(config).map(({ name }) => name);
  expect(await doctor({ repair: true })).toEqual(
    names.map((subject) => ({ level: 'ok', subject, message: 'The table was made.' })),
  );
  expect(await doctor({ repair: true })).toEqual([]);
  const findings = await doctor();
  expect(about(findings, requests.name)).toEqual(healthy);
  expect(findings).toHaveLength(3 * healthy.length - 1);
});

test('a table that is missing beside others is a warning, the last of all findings', async () => {
  await create();
  await client.send(new DeleteTableCommand({ TableName: requests.name }));
  const findings = await doctor();
  expect(findings.filter(({ final }) => final)).toEqual([findings.at(-1)]);
  expect(findings.at(-1)).toMatchObject({
    level: 'warning',
    subject: config.table_prefix,
    message: `Missing, although other tables are there: ${requests.name}. Opening the store makes what is missing, empty.`,
    remedy: 'If a table was deleted, restore it from a backup first.',
  });
  expect(about(await doctor({ repair: true }), requests.name)).toEqual(['ok: The table was made.']);
});

const withoutIndexes = () => {
  const { GlobalSecondaryIndexes: _, ...input } = createTableInput(requests);
  return { ...input, AttributeDefinitions: [{ AttributeName: 'request_id', AttributeType: 'S' as const }] };
};

test.each([{}, { billing_mode: 'PROVISIONED', read_capacity: 2, write_capacity: 3 }])(
  'a repair of %j makes missing indexes, one after the other',
  async (billing) => {
    const settings = { ...config, ...billing } as DynamodbStrategyConfig;
    requests = tableDefinitions(settings)[1] as TableDefinition;
    await client.send(new CreateTableCommand(withoutIndexes()));
    await create(settings);
    const findings = about(await doctor({ settings }), requests.name);
    expect(findings.filter((finding) => finding.startsWith('error'))).toEqual([
      'error: The index template_id-created_at-index is missing: queries that need it fail.',
      'error: The index status-created_at-index is missing: queries that need it fail.',
    ]);
    expect(await doctor({ settings, repair: true })).toEqual([
      { level: 'ok', subject: requests.name, message: 'The index template_id-created_at-index was made.' },
      { level: 'ok', subject: requests.name, message: 'The index status-created_at-index was made.' },
    ]);
    expect((await doctor({ settings })).filter(({ level }) => level === 'error')).toEqual([]);
    const { GlobalSecondaryIndexes = [] } = await describe(requests.name);
    const units = { ReadCapacityUnits: 2, WriteCapacityUnits: 3 };
    if ('billing_mode' in billing)
      for (const index of GlobalSecondaryIndexes) expect(index.ProvisionedThroughput).toMatchObject(units);
  },
);

test('an index that differs is named, and a repair leaves it', async () => {
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
    'error: The index template_id-created_at-index holds ALL by (status, created_at), not ALL by (template_id, created_at).',
    'error: The index status-created_at-index holds KEYS_ONLY by (status, created_at), not ALL by (status, created_at).',
  ]);
  expect(remedies(findings)).toContain('Delete the index at a quiet hour, then run `hfstorage doctor --repair`.');
});

test.each<[object, object, string]>([
  [{}, { billing_mode: 'PROVISIONED' }, 'warning: The table is PAY_PER_REQUEST, and billing_mode is PROVISIONED.'],
  [{ billing_mode: 'PROVISIONED' }, {}, 'warning: The table is PROVISIONED, and billing_mode is PAY_PER_REQUEST.'],
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
])('a table made with %j, configured with %j', async (made, configured, finding) => {
  const prefix = { table_prefix: config.table_prefix };
  await create(parse({ ...prefix, ...made }));
  const findings = await doctor({ settings: parse({ ...prefix, ...configured }) });
  expect(about(findings, `${config.table_prefix}_templates`)[1]).toBe(finding);
  expect(remedies(findings).includes(ADJUST)).toBe(finding.startsWith('warning'));
});

test('the capacity of each index is looked at', async () => {
  const settings = parse({ ...newTestTables(), billing_mode: 'PROVISIONED' });
  requests = tableDefinitions(settings)[1] as TableDefinition;
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
  await client.send(new CreateTableCommand({ ...withoutIndexes(), KeySchema, AttributeDefinitions }));
  expect(await doctor()).toEqual([
    {
      level: 'error',
      subject: requests.name,
      message: `The table ${requests.name} has the key id (S), not request_id (S): another program made it. Choose another table_prefix.`,
    },
  ]);
});

test('an endpoint where nobody listens is one error', async () => {
  client = new DynamoDBClient({ endpoint: 'http://127.0.0.1:1', region: 'us-east-1', maxAttempts: 1 });
  expect(await doctor()).toEqual([
    { level: 'error', subject: `${config.table_prefix}_templates`, message: expect.any(String) },
  ]);
});

test('deletion protection that is on is said', async () => {
  await create();
  const protect = (DeletionProtectionEnabled: boolean) =>
    client.send(new UpdateTableCommand({ TableName: requests.name, DeletionProtectionEnabled }));
  await protect(true);
  expect(about(await doctor(), requests.name)).toContain('ok: Deletion protection is on.');
  await protect(false);
});

/** What the doctor says about the table of requests where DynamoDB describes it, or its backups, otherwise. */
async function doctorOf(
  change: (table: TableDescription) => TableDescription,
  backups: Partial<PointInTimeRecoveryDescription> | Error = {},
) {
  await create();
  const Table = change(await describe(requests.name));
  const mock = mockClient(client);
  mock.on(DescribeTableCommand).resolves({}).on(DescribeTableCommand, { TableName: requests.name }).resolves({ Table });
  const recovery = mock.on(DescribeContinuousBackupsCommand);
  if (backups instanceof Error) recovery.rejects(backups);
  else {
    const PointInTimeRecoveryDescription = backups;
    const ContinuousBackupsStatus = 'ENABLED';
    recovery.resolves({ ContinuousBackupsDescription: { ContinuousBackupsStatus, PointInTimeRecoveryDescription } });
  }
  const findings = (await doctor()).filter(({ subject }) => subject === requests.name);
  return { findings, messages: about(findings, requests.name) };
}

test.each([
  ['ARCHIVED', 'Wait until it is ACTIVE; if it stays, see the events of the table in CloudTrail.'],
  [
    'INACCESSIBLE_ENCRYPTION_CREDENTIALS',
    'Give DynamoDB access to the KMS key of the table again; after 7 days the table is archived.',
  ],
] as const)('a table that is %s is an error', async (TableStatus, remedy) => {
  const { findings } = await doctorOf((table) => ({ ...table, TableStatus, ItemCount: 12, TableSizeBytes: 3_450_000 }));
  expect(findings[0]).toEqual({
    level: 'error',
    subject: requests.name,
    message: `The table is ${TableStatus}. As counted within the last 6 hours, it has 12 items in 3.5 MB.`,
    remedy,
  });
});

test.each([
  [
    true,
    'error: The index status-created_at-index is CREATING and being filled: queries that need it fail until it is ACTIVE.',
  ],
  [false, 'error: The index status-created_at-index is CREATING: queries that need it fail until it is ACTIVE.'],
])('an index that is being made (filled: %j) is an error', async (Backfilling, message) => {
  const { messages } = await doctorOf((table) => ({
    ...table,
    GlobalSecondaryIndexes: (table.GlobalSecondaryIndexes ?? []).map((index) =>
      index.IndexName === 'status-created_at-index' ? { ...index, IndexStatus: 'CREATING', Backfilling } : index,
    ),
  }));
  expect(messages).toContain(message);
});

test('the KMS key is named', async () => {
  const KMSMasterKeyArn = 'arn:aws:kms:eu-central-1:123456789012:key/0e6a';
  const { messages } = await doctorOf((table) => ({
    ...table,
    SSEDescription: { Status: 'ENABLED', KMSMasterKeyArn },
  }));
  expect(messages).toContain(`ok: It is encrypted at rest with the KMS key ${KMSMasterKeyArn}.`);
});

const refusal = (name: string) =>
  new DynamoDBServiceException({ name, message: name, $fault: 'client', $metadata: { httpStatusCode: 400 } });

const same = (table: TableDescription): TableDescription => table;
const SAFEGUARD = 'Turn it on where the tables are managed (CDK).';
const UNTOLD = 'Whether point-in-time recovery is on cannot be told: AWS does not allow it to look.';

test.each<[Partial<PointInTimeRecoveryDescription> | Error, Partial<Finding>]>([
  [
    { PointInTimeRecoveryStatus: 'ENABLED', EarliestRestorableDateTime: new Date('2026-11-20T10:00:00Z') },
    { level: 'ok', message: 'Point-in-time recovery is on, back to 2026-11-20T10:00:00.000Z.' },
  ],
  [
    { PointInTimeRecoveryStatus: 'ENABLED' },
    { level: 'ok', message: 'Point-in-time recovery is on, back to a moment ago.' },
  ],
  [
    { PointInTimeRecoveryStatus: 'DISABLED' },
    { level: 'warning', message: 'Point-in-time recovery is off.', remedy: SAFEGUARD },
  ],
  [
    refusal('AccessDeniedException'),
    { level: 'warning', message: UNTOLD, remedy: 'Grant dynamodb:DescribeContinuousBackups to this role.' },
  ],
  [refusal('InternalServerError'), { level: 'error' }],
])('of backups that are %j', async (backups, finding) => {
  const { findings } = await doctorOf(same, backups);
  expect(findings.at(-1)).toMatchObject(finding);
});

test('a repair does not wait for ever for an index', async () => {
  const [index, second] = requests.indexes.map(({ name }) => ({ IndexName: name, IndexStatus: 'CREATING' as const }));
  const created = (await client.send(new CreateTableCommand(withoutIndexes()))).TableDescription;
  const table = created as TableDescription;
  const mock = mockClient(client);
  const Table = { ...table, GlobalSecondaryIndexes: [index ?? {}] };
  mock
    .on(DescribeTableCommand)
    .resolves({})
    .on(DescribeTableCommand, { TableName: requests.name })
    .resolvesOnce({ Table: table })
    .resolvesOnce({ Table: table })
    // It may still be described without the index once that is being made.
    .resolvesOnce({ Table: table })
    .resolves({ Table });
  mock.on(UpdateTableCommand).resolves({});
  const waiting = (IndexName: string | undefined) => ({
    level: 'warning',
    subject: requests.name,
    message: `The index ${IndexName} is not ACTIVE yet: DynamoDB is still at work on the table.`,
    remedy: 'Run `hfstorage doctor --repair` again later.',
  });
  const repair = () => Array.fromAsync(diagnoseDynamodb(config, client, { repair: true, indexWithinMs: 150 }));
  expect((await repair())[0]).toEqual(waiting(index?.IndexName));
  expect((await repair())[0]).toEqual(waiting(second?.IndexName));
  // The second was not begun while DynamoDB was at work on the first.
  expect(mock.commandCalls(UpdateTableCommand)).toHaveLength(1);
});

test('an index that AWS does not allow to be made is an error', async () => {
  const Table = (await client.send(new CreateTableCommand(withoutIndexes()))).TableDescription as TableDescription;
  const mock = mockClient(client);
  mock.on(DescribeTableCommand).resolves({}).on(DescribeTableCommand, { TableName: requests.name }).resolves({ Table });
  mock.on(UpdateTableCommand).rejects(refusal('AccessDeniedException'));
  const [finding] = await doctor({ repair: true });
  expect(finding).toMatchObject({ level: 'error', subject: requests.name });
  expect(finding?.message).toContain('make the index template_id-created_at-index');
});
