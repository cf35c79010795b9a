import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import type { DynamodbStrategyConfig } from '../../config/dynamodb-strategy.ts';
import { ConfigurationError } from '../../repository/errors.ts';
import { DynamodbCalls, UNMARSHALL } from './calls/dynamodb-calls.ts';
import { noteLostAnswers } from './calls/lost-answers.ts';
import { DynamodbStorageStrategy } from './dynamodb-strategy.ts';
import { ensureTables } from './tables/create-tables.ts';
import { tableDefinitions } from './tables/table-definitions.ts';

/** A client for the endpoint that the configuration names. */
export function openClient({
  region,
  profile,
  endpoint,
  timeout,
  max_attempts,
}: DynamodbStrategyConfig): DynamoDBClient {
  return new DynamoDBClient({
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: max_attempts,
    // Slows down on its own if DynamoDB throttles.
    retryMode: 'adaptive',
    requestHandler: {
      connectionTimeout: timeout * 1000,
      requestTimeout: timeout * 1000,
      // Without it, the SDK only logs a warning.
      throwOnRequestTimeout: true,
    },
  });
}

/** The client for entities, without DAX. */
export function documentClient(client: DynamoDBClient): DynamoDBDocument {
  const documents = DynamoDBDocument.from(client, {
    // The model refuses numbers beyond 2^53; items of other programs may hold them, and must still be writable.
    marshallOptions: { removeUndefinedValues: true, allowImpreciseNumbers: true },
    // A copy: the document client modifies the object.
    unmarshallOptions: { ...UNMARSHALL },
  });
  // It processes every item for a logger that is not configured.
  documents.middlewareStack.remove('loggerMiddleware');
  noteLostAnswers(documents);
  return documents;
}

/**
 * The client for entities, through DAX if it is enabled.
 * @throws ConfigurationError if DAX cannot be used
 */
async function openDocuments(
  { enable_dax, dax_endpoint, region }: DynamodbStrategyConfig,
  client: DynamoDBClient,
): Promise<DynamoDBDocument> {
  if (!enable_dax) return documentClient(client);
  if (dax_endpoint === undefined) {
    throw new ConfigurationError(
      'dynamodb_strategy.dax_endpoint is missing: enable_dax needs the URL of the DAX cluster.',
    );
  }
  const { DaxDocument } = await import('@amazon-dax-sdk/lib-dax').catch((cause: unknown) => {
    const message =
      'enable_dax needs the package @amazon-dax-sdk/lib-dax. Install it: npm install @amazon-dax-sdk/lib-dax';
    throw new ConfigurationError(message, { cause });
  });
  return new DaxDocument({ endpoint: dax_endpoint, region: region ?? (await client.config.region()) });
}

/** Opens the DynamoDB store. Missing tables are created, unless the configuration says otherwise. */
export async function openDynamodbStrategy(
  config: DynamodbStrategyConfig,
  enforceReferences: boolean,
): Promise<DynamodbStorageStrategy> {
  const client = openClient(config);
  try {
    if (config.create_tables) await ensureTables(client, tableDefinitions(config));
  } catch (error) {
    client.destroy();
    throw error;
  }
  const documents = await openDocuments(config, client);
  const partitionKeys = new Map(tableDefinitions(config).map(({ name, partitionKey }) => [name, partitionKey]));
  const calls = new DynamodbCalls(documents, config.max_attempts, config.enable_dax ? partitionKeys : undefined);
  return new DynamodbStorageStrategy(config, calls, () => client.destroy(), { enforceReferences });
}
