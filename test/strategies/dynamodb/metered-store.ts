/** A store with its own tables whose calls are metered, and the initial content of the tables. */
import { randomUUID } from 'node:crypto';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import type { CollectionName } from '../../../lib/model/collections.ts';
import type { Entity } from '../../../lib/model/entities.ts';
import { itemBytes } from '../../../lib/model/item-size.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { DynamodbCalls, UNMARSHALL } from '../../../lib/strategies/dynamodb/calls/dynamodb-calls.ts';
import { noteLostAnswers } from '../../../lib/strategies/dynamodb/calls/lost-answers.ts';
import { DynamodbStorageStrategy } from '../../../lib/strategies/dynamodb/dynamodb-strategy.ts';
import { itemOf } from '../../../lib/strategies/dynamodb/items/item-codec.ts';
import { openClient } from '../../../lib/strategies/dynamodb/open-dynamodb-strategy.ts';
import { ensureTables } from '../../../lib/strategies/dynamodb/tables/create-tables.ts';
import { tableDefinitions, tableName } from '../../../lib/strategies/dynamodb/tables/table-definitions.ts';
import { newTestTables } from '../../backends/test-tables.ts';
import { CapacityMeter } from './capacity-meter.ts';

/** DynamoDB: 25 items in one BatchWriteItem. */
const BATCH = 25;
const WRITERS = 8;

const FIRST = Date.parse('2026-01-01T00:00:00.000Z');
const secondsLater = (seconds: number): string => new Date(FIRST + seconds * 1000).toISOString();
const numbered = (prefix: string, i: number): string => `${prefix}-${String(i).padStart(5, '0')}`;

export const TEMPLATE = 'template-00000';
const written = { updated_at: secondsLater(0), version: 1 };

const templates: readonly Entity[] = [
  {
    template_id: TEMPLATE,
    name: 'Standard',
    provider_api: 'RunInstances',
    vm_type: 't3.medium',
    max_number: -1,
    created_at: secondsLater(0),
    ...written,
  },
];

/** One a second: 1,000 of them FAILED, 4,500 PENDING and RUNNING each. */
export const requests: readonly Entity[] = Array.from({ length: 10_000 }, (_, i) => ({
  request_id: numbered('request', i),
  template_id: TEMPLATE,
  machine_count: 3,
  status: i % 10 === 0 ? 'FAILED' : i % 2 === 0 ? 'PENDING' : 'RUNNING',
  request_type: 'provision',
  created_at: secondsLater(i),
  ...written,
}));

/** 100 for each of the first 20 requests, created together. */
export const machines: readonly Entity[] = Array.from({ length: 2_000 }, (_, i) => ({
  machine_id: numbered('machine', i),
  request_id: numbered('request', Math.floor(i / 100)),
  template_id: TEMPLATE,
  status: 'RUNNING',
  instance_type: i % 50 === 0 ? 'm5.large' : 't3.medium',
  created_at: secondsLater(Math.floor(i / 100)),
  ...written,
}));

const toItem = (collection: CollectionName, entity: Entity) => itemOf(collection, entity, randomUUID());

/** Total bytes of the items of entities. */
export const bytesOf = (collection: CollectionName, entities: readonly Entity[]): number =>
  entities.reduce((sum, entity) => sum + itemBytes(toItem(collection, entity)), 0);

async function fill(documents: DynamoDBDocument, prefix: string): Promise<void> {
  const batches = Object.entries({ templates, requests, machines }).flatMap(([name, entities]) =>
    Array.from({ length: Math.ceil(entities.length / BATCH) }, (_, i) => ({
      table: tableName(prefix, name as CollectionName),
      puts: entities
        .slice(i * BATCH, (i + 1) * BATCH)
        .map((entity) => ({ PutRequest: { Item: toItem(name as CollectionName, entity) } })),
    })),
  );
  const worker = async (): Promise<void> => {
    for (let next = batches.pop(); next !== undefined; next = batches.pop()) {
      const { UnprocessedItems = {} } = await documents.batchWrite({ RequestItems: { [next.table]: next.puts } });
      if (Object.keys(UnprocessedItems).length > 0) throw new Error('DynamoDB left out items; use DynamoDB Local.');
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, worker));
}

export interface MeteredStore extends AsyncDisposable {
  readonly meter: CapacityMeter;
  /** All are on the same tables. */
  readonly repositories: {
    readonly off: StorageRepository;
    readonly on: StorageRepository;
    /** Like `off`, with `consistent_reads` false. */
    readonly eventual: StorageRepository;
  };
}

/** Creates the tables and fills them. */
export async function openMeteredStore(): Promise<MeteredStore> {
  const dynamodb_strategy = newTestTables();
  const { storage } = parseConfig({ storage: { strategy: 'dynamodb', dynamodb_strategy } }, {});
  const config = storage.dynamodb_strategy;
  const client = openClient(config);
  await ensureTables(client, tableDefinitions(config));
  const meter = new CapacityMeter(client);
  const documents = DynamoDBDocument.from(client, {
    marshallOptions: { removeUndefinedValues: true },
    unmarshallOptions: { ...UNMARSHALL },
  });
  noteLostAnswers(documents);
  await fill(documents, config.table_prefix);
  const open = (consistent_reads: boolean, enforceReferences: boolean): StorageRepository => {
    const calls = new DynamodbCalls(documents, config.max_attempts);
    const settings = { enforceReferences };
    const strategy = new DynamodbStorageStrategy({ ...config, consistent_reads }, calls, () => {}, settings);
    return new StorageRepository(strategy, settings);
  };
  const repositories = { off: open(true, false), on: open(true, true), eventual: open(false, false) };
  return {
    meter,
    repositories,
    async [Symbol.asyncDispose]() {
      for (const repository of Object.values(repositories)) await repository.close();
      client.destroy();
    },
  };
}
