import {
  CreateBackupCommand,
  DescribeBackupCommand,
  type DynamoDBClient,
  ListBackupsCommand,
} from '@aws-sdk/client-dynamodb';
import type { DynamodbStrategyConfig } from '../../config/dynamodb-strategy.ts';
import { BackupError, UnsupportedOperationError } from '../../repository/errors.ts';
import type { KeptBackup, NativeCopy, NativeCopyOptions } from '../../repository/native-copy.ts';
import { asStorageError } from './calls/faults.ts';
import { poll } from './tables/create-tables.ts';
import { tableDefinitions } from './tables/table-definitions.ts';

/** DynamoDB makes a backup of any size in seconds; in minutes if it is busy. */
const READY_WITHIN_MS = 900_000;

/**
 * Makes an on-demand backup of each table and waits until they can be restored. Each is a consistent snapshot of its table,
 * but the three are not taken at the same moment. Called again with the same id, it makes only the missing ones.
 * @param client stays open
 * @throws UnsupportedOperationError on DynamoDB Local; BackupError, ConfigurationError, StorageUnavailableError
 */
export async function backUpTables(
  config: DynamodbStrategyConfig,
  client: DynamoDBClient,
  { id, progress, signal }: Pick<NativeCopyOptions, 'id' | 'progress' | 'signal'>,
): Promise<NativeCopy> {
  const tables = tableDefinitions(config).map(({ name }) => name);
  const begun = await Promise.all(tables.map((table) => begin(client, table, id)));
  const within = Date.now() + READY_WITHIN_MS;
  for (const kept of begun) {
    const ready = await poll(async () => {
      signal?.throwIfAborted();
      return (await isReady(client, kept)) || undefined;
    }, within - Date.now());
    if (!ready)
      throw new BackupError(`DynamoDB is still making the backup ${kept.name} of ${kept.table}: check again later.`);
    progress?.('back up tables', 1, tables.length);
  }
  return { kept: begun, consistent: false };
}

/** Begins a backup, unless one with this name exists already. */
async function begin(client: DynamoDBClient, table: string, name: string): Promise<KeptBackup> {
  try {
    const { BackupSummaries = [] } = await client.send(new ListBackupsCommand({ TableName: table }));
    const earlier = BackupSummaries.find(({ BackupName }) => BackupName === name);
    if (earlier?.BackupArn !== undefined) return { table, name, arn: earlier.BackupArn };
    const { BackupDetails } = await client.send(new CreateBackupCommand({ TableName: table, BackupName: name }));
    return { table, name, arn: BackupDetails?.BackupArn as string };
  } catch (error) {
    throw asBackupFailure(error, `back up the table ${table}`);
  }
}

async function isReady(client: DynamoDBClient, { table, name, arn }: KeptBackup): Promise<boolean> {
  let status: string | undefined;
  try {
    const { BackupDescription } = await client.send(new DescribeBackupCommand({ BackupArn: arn }));
    status = BackupDescription?.BackupDetails?.BackupStatus;
  } catch (error) {
    throw asBackupFailure(error, `describe the backup ${name} of ${table}`);
  }
  if (status === 'DELETED') throw new BackupError(`The backup ${name} of ${table} was deleted.`);
  return status === 'AVAILABLE';
}

function asBackupFailure(error: unknown, action: string): Error {
  const { name } = error as Error;
  if (name === 'UnknownOperationException') {
    return new UnsupportedOperationError(
      'This DynamoDB has no on-demand backups, for example because it is DynamoDB Local. Take a portable backup, without --native.',
      { cause: error },
    );
  }
  if (name === 'TableNotFoundException') {
    const message = `DynamoDB has no such table to ${action}. Check region and table_prefix, or run \`hfstorage doctor\`.`;
    return new BackupError(message, { cause: error });
  }
  return asStorageError(error, action);
}
