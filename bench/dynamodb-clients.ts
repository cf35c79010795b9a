/** Clients of the DynamoDB benchmarks, with the same settings for all alternatives. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { type DynamodbStrategyConfig, dynamodbStrategy } from '../lib/config/dynamodb-strategy.ts';
import type { Entity } from '../lib/model/entities.ts';
import { StorageRepository } from '../lib/repository/storage-repository.ts';
import { DynamodbCalls, UNMARSHALL } from '../lib/strategies/dynamodb/calls/dynamodb-calls.ts';
import { DynamodbStorageStrategy } from '../lib/strategies/dynamodb/dynamodb-strategy.ts';
import { documentClient } from '../lib/strategies/dynamodb/open-dynamodb-strategy.ts';

export const configOf = (endpoint: string): DynamodbStrategyConfig =>
  dynamodbStrategy.parse({ endpoint, region: 'us-east-1', table_prefix: 'bench' });

export const TABLE = 'bench_requests';

export const documentsOf = (client: DynamoDBClient): DynamoDBDocument =>
  DynamoDBDocument.from(client, {
    marshallOptions: { removeUndefinedValues: true },
    // A copy: the document client modifies the object.
    unmarshallOptions: { ...UNMARSHALL },
  });

/** Our repository on a client, as `openRepository` creates it with `enforce_references: false`, so that a save is one call. */
export function repositoryOn(
  client: DynamoDBClient,
  config: DynamodbStrategyConfig,
): { repository: StorageRepository; documents: DynamoDBDocument } {
  const documents = documentClient(client);
  const settings = { enforceReferences: false };
  const calls = new DynamodbCalls(documents, config.max_attempts);
  const strategy = new DynamodbStorageStrategy(config, calls, () => client.destroy(), settings);
  return { repository: new StorageRepository(strategy, settings), documents };
}

export const NEWEST = { filters: { status: 'RUNNING' }, orderBy: '-created_at', limit: 50 } as const;

export const requestOf = (request_id: string, status: string) => ({
  request_id,
  template_id: 'template-1',
  machine_count: 25,
  status,
  request_type: 'provision',
  tags: { team: 'risk', run: 4711 },
  metadata: { source: 'bench' },
});

/** A stored request, created this many seconds into a day. */
export const storedRequest = (request_id: string, status: string, second: number): Entity => {
  const time = new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
  return { ...requestOf(request_id, status), created_at: time, updated_at: time, version: 1 };
};
