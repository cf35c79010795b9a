/** `hfstorage doctor` on answers that DynamoDB Local cannot give. */
import {
  CreateTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  DynamoDBServiceException,
  type PointInTimeRecoveryDescription,
  type TableDescription,
  UpdateTableCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mockClient } from 'aws-sdk-client-mock';
import type { DynamodbStrategyConfig } from '../../../lib/config/dynamodb-strategy.ts';
import type { Finding } from '../../../lib/repository/finding.ts';
import { ensureTables } from '../../../lib/strategies/dynamodb/tables/create-tables.ts';
import { type TableDefinition, tableDefinitions } from '../../../lib/strategies/dynamodb/tables/table-definitions.ts';
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

/** The findings about the table of requests if DynamoDB describes the table, or its backups, in another way. */
async function doctorOf(
  change: (table: TableDescription) => TableDescription,
  backups: Partial<PointInTimeRecoveryDescription> | Error = {},
) {
  await ensureTables(client, tableDefinitions(config));
  const Table = change(await describeTable(client, requests.name));
  const mock = mockClient(client);
  mock.on(DescribeTableCommand).resolves({}).on(DescribeTableCommand, { TableName: requests.name }).resolves({ Table });
  const recovery = mock.on(DescribeContinuousBackupsCommand);
  if (backups instanceof Error) recovery.rejects(backups);
  else {
    const PointInTimeRecoveryDescription = backups;
    const ContinuousBackupsStatus = 'ENABLED';
    recovery.resolves({ ContinuousBackupsDescription: { ContinuousBackupsStatus, PointInTimeRecoveryDescription } });
  }
  const findings = (await runDoctor(client, config)).filter(({ subject }) => subject === requests.name);
  return { findings, messages: about(findings, requests.name) };
}

test.each([
  ['ARCHIVED', 'Wait until it is ACTIVE; if the status stays, check the events of the table in CloudTrail.'],
  [
    'INACCESSIBLE_ENCRYPTION_CREDENTIALS',
    "Restore DynamoDB's access to the KMS key of the table; after 7 days the table is archived.",
  ],
] as const)('a table that is %s is an error', async (TableStatus, remedy) => {
  const { findings } = await doctorOf((table) => ({ ...table, TableStatus, ItemCount: 12, TableSizeBytes: 3_450_000 }));
  expect(findings[0]).toEqual({
    level: 'error',
    subject: requests.name,
    message: `The table is ${TableStatus}. As of the last count, at most 6 hours ago, it has 12 items in 3.5 MB.`,
    remedy,
  });
});

test.each([
  [
    true,
    'error: The index status-created_at-index is CREATING and being filled: queries that need it fail until it is ACTIVE.',
  ],
  [false, 'error: The index status-created_at-index is CREATING: queries that need it fail until it is ACTIVE.'],
])('an index that is being created (backfilling: %j) is an error', async (Backfilling, message) => {
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
const UNKNOWN = 'It is unknown whether point-in-time recovery is on: AWS denied access.';

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
    { level: 'warning', message: UNKNOWN, remedy: 'Grant dynamodb:DescribeContinuousBackups to this role.' },
  ],
  [refusal('InternalServerError'), { level: 'error' }],
])('point-in-time recovery that is %j', async (backups, finding) => {
  const { findings } = await doctorOf(same, backups);
  expect(findings.at(-1)).toMatchObject(finding);
});

test('a repair does not wait forever for an index', async () => {
  const [index, second] = requests.indexes.map(({ name }) => ({ IndexName: name, IndexStatus: 'CREATING' as const }));
  const created = (await client.send(new CreateTableCommand(withoutIndexes(requests)))).TableDescription;
  const table = created as TableDescription;
  const mock = mockClient(client);
  const Table = { ...table, GlobalSecondaryIndexes: [index ?? {}] };
  mock
    .on(DescribeTableCommand)
    .resolves({})
    .on(DescribeTableCommand, { TableName: requests.name })
    .resolvesOnce({ Table: table })
    .resolvesOnce({ Table: table })
    // DescribeTable may still omit the index that is being created.
    .resolvesOnce({ Table: table })
    .resolves({ Table });
  mock.on(UpdateTableCommand).resolves({});
  const waiting = (IndexName: string | undefined) => ({
    level: 'warning',
    subject: requests.name,
    message: `The index ${IndexName} is not ACTIVE yet: DynamoDB is still changing the table.`,
    remedy: 'Run `hfstorage doctor --repair` again later.',
  });
  const repair = () => runDoctor(client, config, { repair: true, indexWithinMs: 150 });
  expect((await repair())[0]).toEqual(waiting(index?.IndexName));
  expect((await repair())[0]).toEqual(waiting(second?.IndexName));
  // The second was not started while DynamoDB was creating the first.
  expect(mock.commandCalls(UpdateTableCommand)).toHaveLength(1);
});

test('an index that AWS denies permission to create is an error', async () => {
  const Table = (await client.send(new CreateTableCommand(withoutIndexes(requests))))
    .TableDescription as TableDescription;
  const mock = mockClient(client);
  mock.on(DescribeTableCommand).resolves({}).on(DescribeTableCommand, { TableName: requests.name }).resolves({ Table });
  mock.on(UpdateTableCommand).rejects(refusal('AccessDeniedException'));
  const [finding] = await runDoctor(client, config, { repair: true });
  expect(finding).toMatchObject({ level: 'error', subject: requests.name });
  expect(finding?.message).toContain('create the index template_id-created_at-index');
});
