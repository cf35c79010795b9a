/** `hfstorage doctor` for the DynamoDB store. */
import {
  DescribeContinuousBackupsCommand,
  type DynamoDBClient,
  type PointInTimeRecoveryDescription,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import type { DynamodbStrategyConfig } from '../../config/dynamodb-strategy.ts';
import { StorageError } from '../../repository/errors.ts';
import type { Finding } from '../../repository/finding.ts';
import { asStorageError } from './calls/faults.ts';
import { createIndex } from './tables/create-index.ts';
import { describeTable, ensureTables, requireKey } from './tables/create-tables.ts';
import { inspectTable, missingIndexes, SAFEGUARD } from './tables/inspect-table.ts';
import { type TableDefinition, tableDefinitions } from './tables/table-definitions.ts';

interface DoctorOptions {
  /** Creates missing tables and indexes instead of inspecting them, and reports which. */
  readonly repair: boolean;
  /** How long a repair waits for each index: indexing millions of items takes a while. */
  readonly indexWithinMs?: number;
}

/**
 * Checks everything that SPEC.md's troubleshooting checks by hand: the status and the billing of the tables; also their
 * size, indexes, backups and protection.
 * @param client stays open
 */
export async function* diagnoseDynamodb(
  config: DynamodbStrategyConfig,
  client: DynamoDBClient,
  { repair, indexWithinMs = 3_600_000 }: DoctorOptions,
): AsyncGenerator<Finding> {
  const definitions = tableDefinitions(config);
  const missing: TableDefinition[] = [];
  let subject = config.table_prefix;
  try {
    for (const definition of definitions) {
      subject = definition.name;
      const table = await describeTable(client, subject);
      if (table === undefined) {
        missing.push(definition);
        continue;
      }
      requireKey(table, definition);
      if (repair) yield* createIndexes(client, table, definition, indexWithinMs);
      else yield* tableFindings(client, table, definition);
    }
    if (missing.length === 0) return;
    if (repair) yield* createTables(client, missing);
    else yield missingFinding(config, missing, definitions);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    yield { level: 'error', subject, message: error.message };
  }
}

const namesOf = (definitions: readonly TableDefinition[]): string => definitions.map(({ name }) => name).join(', ');

function missingFinding(
  { table_prefix: subject }: DynamodbStrategyConfig,
  missing: readonly TableDefinition[],
  all: readonly TableDefinition[],
): Finding {
  if (missing.length === all.length) {
    const message = 'The tables do not exist yet; opening the store creates them.';
    return { level: 'ok', subject, message, final: true };
  }
  const message = `Missing, although other tables exist: ${namesOf(missing)}. Opening the store creates the missing ones, empty.`;
  const remedy = 'If a table was deleted, restore it from a backup first.';
  return { level: 'warning', subject, message, remedy, final: true };
}

async function* createTables(client: DynamoDBClient, missing: readonly TableDefinition[]): AsyncGenerator<Finding> {
  await ensureTables(client, missing);
  for (const { name } of missing) yield { level: 'ok', subject: name, message: 'The table was created.' };
}

async function* tableFindings(
  client: DynamoDBClient,
  table: TableDescription,
  definition: TableDefinition,
): AsyncGenerator<Finding> {
  yield* inspectTable(table, definition);
  yield await recoveryFinding(client, definition.name);
}

async function recoveryFinding(client: DynamoDBClient, subject: string): Promise<Finding> {
  try {
    const { ContinuousBackupsDescription } = await client.send(
      new DescribeContinuousBackupsCommand({ TableName: subject }),
    );
    return describeRecovery(subject, ContinuousBackupsDescription?.PointInTimeRecoveryDescription);
  } catch (error) {
    const { name } = error as Error;
    const message = 'It is unknown whether point-in-time recovery is on';
    // DynamoDB Local.
    if (name === 'UnknownOperationException')
      return { level: 'ok', subject, message: `${message}: this DynamoDB does not have it.` };
    if (name === 'AccessDeniedException') {
      const remedy = 'Grant dynamodb:DescribeContinuousBackups to this role.';
      return { level: 'warning', subject, message: `${message}: AWS denied access.`, remedy };
    }
    throw asStorageError(error, `describe the backups of the table ${subject}`);
  }
}

function describeRecovery(subject: string, recovery: PointInTimeRecoveryDescription | undefined): Finding {
  if (recovery?.PointInTimeRecoveryStatus === 'ENABLED') {
    const since = recovery.EarliestRestorableDateTime?.toISOString() ?? 'a moment ago';
    return { level: 'ok', subject, message: `Point-in-time recovery is on, back to ${since}.` };
  }
  return { level: 'warning', subject, message: 'Point-in-time recovery is off.', remedy: SAFEGUARD };
}

async function* createIndexes(
  client: DynamoDBClient,
  table: TableDescription,
  definition: TableDefinition,
  withinMs: number,
): AsyncGenerator<Finding> {
  const subject = definition.name;
  for (const index of missingIndexes(table, definition)) {
    if (await createIndex(client, definition, index, withinMs)) {
      yield { level: 'ok', subject, message: `The index ${index.name} was created.` };
      continue;
    }
    const message = `The index ${index.name} is not ACTIVE yet: DynamoDB is still changing the table.`;
    yield { level: 'warning', subject, message, remedy: 'Run `hfstorage doctor --repair` again later.' };
    return;
  }
}
