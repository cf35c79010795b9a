/** On-demand backups, on moto: DynamoDB Local has none. */
import { DynamoDBClient, ListBackupsCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import { UnsupportedOperationError } from '../../../lib/repository/errors.ts';
import { ensureTables } from '../../../lib/strategies/dynamodb/tables/create-tables.ts';
import { tableDefinitions } from '../../../lib/strategies/dynamodb/tables/table-definitions.ts';
import { copyNatively } from '../../../lib/strategies/native-backup.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { freePort, startServer } from '../../backends/kept-process.ts';
import { findMoto } from '../../backends/moto.ts';
import { newTestTables } from '../../backends/test-tables.ts';
import { rejection } from '../../contract/rejection.ts';

let endpoint: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  const port = await freePort();
  endpoint = `http://127.0.0.1:${port}`;
  stop = await startServer(
    [findMoto(), '-H', '127.0.0.1', '-p', `${port}`],
    async () => (await fetch(endpoint)).status < 500,
  );
});
afterAll(async () => stop());

const configOf = (dynamodb_strategy: object) => parseConfig({ storage: { strategy: 'dynamodb', dynamodb_strategy } });

test('each table gets a backup that can be restored; a second call with the same id makes no more', async () => {
  const strategy = { endpoint, region: 'us-east-1', table_prefix: 'nightly' };
  const config = configOf(strategy);
  const client = new DynamoDBClient({ endpoint, region: 'us-east-1' });
  try {
    await ensureTables(client, tableDefinitions(config.storage.dynamodb_strategy));
    let shown = 0;
    const copy = () =>
      copyNatively(config, {
        folder: '',
        id: 'nightly-1',
        progress: (_, n) => {
          shown += n;
        },
      });
    const copied = await copy();
    const tables = ['nightly_templates', 'nightly_requests', 'nightly_machines'];
    expect(copied).toMatchObject({
      consistent: false,
      kept: tables.map((table) => ({
        table,
        name: 'nightly-1',
        arn: expect.stringMatching(/^arn:aws:dynamodb:.*backup/),
      })),
    });
    expect(shown).toBe(3);
    expect(await copy()).toEqual(copied);
    const { BackupSummaries = [] } = await client.send(new ListBackupsCommand({}));
    expect(BackupSummaries.map(({ TableName, BackupStatus }) => `${TableName} ${BackupStatus}`).sort()).toEqual(
      tables.map((table) => `${table} AVAILABLE`).sort(),
    );
  } finally {
    client.destroy();
  }
});

test('without the tables', async () => {
  const config = configOf({ endpoint, region: 'us-east-1', table_prefix: 'nowhere' });
  const error = await rejection(copyNatively(config, { folder: '', id: 'nightly-1' }));
  expect(error.message).toMatch(
    /^DynamoDB has no such table to back up the table nowhere_\w+\. Check region and table_prefix/,
  );
});

test('DynamoDB Local has no backups, and the error names the alternative', async () => {
  const tables = newTestTables();
  await using _ = await openRepository(configOf(tables));
  const error = await rejection(copyNatively(configOf(tables), { folder: '', id: 'nightly-1' }));
  expect(error).toBeInstanceOf(UnsupportedOperationError);
  expect(error.message).toContain('Take a portable backup, without --native.');
});
