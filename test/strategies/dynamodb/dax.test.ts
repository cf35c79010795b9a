/** The differences of DAX, which exists only on AWS: a client that omits what DAX omits. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dynamodbStrategy } from '../../../lib/config/dynamodb-strategy.ts';
import { ConcurrencyConflictError, ConfigurationError, EntityExistsError } from '../../../lib/repository/errors.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { DynamodbCalls } from '../../../lib/strategies/dynamodb/calls/dynamodb-calls.ts';
import { DynamodbStorageStrategy } from '../../../lib/strategies/dynamodb/dynamodb-strategy.ts';
import { documentClient, openClient } from '../../../lib/strategies/dynamodb/open-dynamodb-strategy.ts';
import { ensureTables } from '../../../lib/strategies/dynamodb/tables/create-tables.ts';
import { tableDefinitions } from '../../../lib/strategies/dynamodb/tables/table-definitions.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { newTestTables } from '../../backends/test-tables.ts';
import { rejection } from '../../contract/rejection.ts';
import { newId, saveTemplate, template } from '../../contract/samples.ts';

let repository: StorageRepository;

beforeAll(async () => {
  const config = dynamodbStrategy.parse(newTestTables());
  const client = openClient(config);
  const definitions = tableDefinitions(config);
  await ensureTables(client, definitions);
  const documents = documentClient(client);
  documents.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        delete (error as { Item?: unknown }).Item;
        throw error;
      }
    },
    { step: 'initialize', name: 'leaveOutTheItem' },
  );
  const keys = new Map(definitions.map(({ name, partitionKey }) => [name, partitionKey]));
  const calls = new DynamodbCalls(documents, config.max_attempts, keys);
  repository = new StorageRepository(new DynamodbStorageStrategy(config, calls, () => client.destroy()));
});
afterAll(() => repository.close());

test('a refused write reports the current item', async () => {
  const saved = await saveTemplate(repository);
  const id = saved.template_id;
  const exists = await rejection(repository.saveEntity('templates', template({ template_id: id, version: 0 })));
  expect(exists).toBeInstanceOf(EntityExistsError);
  const newer = await repository.updateEntity('templates', id, { name: 'Newer' });
  for (const call of [
    () => repository.updateEntity('templates', id, { name: 'Late' }, { expectedVersion: 1 }),
    () => repository.saveEntity('templates', { ...saved, name: 'Late' }),
    () => repository.deleteEntity('templates', id, { expectedVersion: 1 }),
  ]) {
    const error = await rejection(call());
    expect(error).toBeInstanceOf(ConcurrencyConflictError);
    expect(error).toMatchObject({ currentVersion: 2, current: newer });
  }
  const missing = await rejection(repository.updateEntity('templates', newId('nowhere'), {}));
  expect(missing.code).toBe('entity_not_found');
});

test('enable_dax without the URL of a cluster is refused when the store is opened', async () => {
  const dynamodb_strategy = { ...newTestTables(), enable_dax: true, consistent_reads: false };
  const opening = openRepository({ storage: { strategy: 'dynamodb', dynamodb_strategy } });
  const error = await rejection(opening);
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain('dax_endpoint');
});
