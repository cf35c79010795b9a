/** Runs of `hfstorage doctor` on tables of DynamoDB Local. */
import { DescribeTableCommand, DynamoDBClient, type TableDescription } from '@aws-sdk/client-dynamodb';
import type { DynamodbStrategyConfig } from '../../../lib/config/dynamodb-strategy.ts';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import type { Finding } from '../../../lib/repository/finding.ts';
import { diagnoseDynamodb } from '../../../lib/strategies/dynamodb/doctor.ts';
import {
  createTableInput,
  type TableDefinition,
  tableDefinitions,
} from '../../../lib/strategies/dynamodb/tables/table-definitions.ts';

export const configOf = (dynamodb_strategy: object): DynamodbStrategyConfig =>
  parseConfig({ storage: { strategy: 'dynamodb', dynamodb_strategy } }, {}).storage.dynamodb_strategy;

export const clientOf = ({ endpoint, region }: DynamodbStrategyConfig): DynamoDBClient =>
  new DynamoDBClient({ endpoint: endpoint as string, region: region as string });

export const requestsTable = (config: DynamodbStrategyConfig): TableDefinition =>
  tableDefinitions(config)[1] as TableDefinition;

export const describeTable = async (client: DynamoDBClient, name: string): Promise<TableDescription> =>
  (await client.send(new DescribeTableCommand({ TableName: name }))).Table as TableDescription;

export const runDoctor = (
  client: DynamoDBClient,
  config: DynamodbStrategyConfig,
  { repair = false, indexWithinMs }: { readonly repair?: boolean; readonly indexWithinMs?: number } = {},
): Promise<Finding[]> =>
  Array.fromAsync(diagnoseDynamodb(config, client, { repair, ...(indexWithinMs !== undefined && { indexWithinMs }) }));

export const about = (findings: readonly Finding[], subject: string) =>
  findings.filter((finding) => finding.subject === subject).map(({ level, message }) => `${level}: ${message}`);

/** The input that creates the table of requests without its indexes. */
export function withoutIndexes(requests: TableDefinition) {
  const { GlobalSecondaryIndexes: _, ...input } = createTableInput(requests);
  return { ...input, AttributeDefinitions: [{ AttributeName: 'request_id', AttributeType: 'S' as const }] };
}
