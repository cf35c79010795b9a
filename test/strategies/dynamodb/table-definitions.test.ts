import { expect, test } from '@jest/globals';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import { collectionNames, declarationOf, fieldsOf } from '../../../lib/model/collections.ts';
import { createTableInput, tableDefinitions } from '../../../lib/strategies/dynamodb/tables/table-definitions.ts';

const definitionsOf = (dynamodb_strategy: object) =>
  tableDefinitions(parseConfig({ storage: { strategy: 'dynamodb', dynamodb_strategy } }, {}).storage.dynamodb_strategy);

const inputsOf = (dynamodb_strategy: object) => definitionsOf(dynamodb_strategy).map(createTableInput);

const index = (partitionKey: string, rest = {}) => ({
  IndexName: `${partitionKey}-created_at-index`,
  KeySchema: [
    { AttributeName: partitionKey, KeyType: 'HASH' },
    { AttributeName: 'created_at', KeyType: 'RANGE' },
  ],
  Projection: { ProjectionType: 'ALL' },
  ...rest,
});

const strings = (...names: string[]) => names.map((AttributeName) => ({ AttributeName, AttributeType: 'S' }));

test("the tables are SPEC.md's, with every index of the model", () => {
  expect(inputsOf({})).toEqual([
    {
      TableName: 'hostfactory_templates',
      KeySchema: [{ AttributeName: 'template_id', KeyType: 'HASH' }],
      AttributeDefinitions: strings('template_id'),
      BillingMode: 'PAY_PER_REQUEST',
    },
    {
      TableName: 'hostfactory_requests',
      KeySchema: [{ AttributeName: 'request_id', KeyType: 'HASH' }],
      AttributeDefinitions: strings('request_id', 'template_id', 'created_at', 'status'),
      BillingMode: 'PAY_PER_REQUEST',
      GlobalSecondaryIndexes: [index('template_id'), index('status')],
    },
    {
      TableName: 'hostfactory_machines',
      KeySchema: [{ AttributeName: 'machine_id', KeyType: 'HASH' }],
      AttributeDefinitions: strings('machine_id', 'request_id', 'created_at', 'status', 'template_id'),
      BillingMode: 'PAY_PER_REQUEST',
      GlobalSecondaryIndexes: [index('request_id'), index('status'), index('template_id')],
    },
  ]);
});

test('PROVISIONED gives the capacities to each table and each index', () => {
  const ProvisionedThroughput = { ReadCapacityUnits: 7, WriteCapacityUnits: 3 };
  const inputs = inputsOf({ billing_mode: 'PROVISIONED', read_capacity: 7, write_capacity: 3, table_prefix: 'a.b' });
  expect(inputs.map(({ TableName }) => TableName)).toEqual(['a.b_templates', 'a.b_requests', 'a.b_machines']);
  for (const input of inputs) expect(input).toMatchObject({ BillingMode: 'PROVISIONED', ProvisionedThroughput });
  expect(inputs[1]?.GlobalSecondaryIndexes).toEqual([
    index('template_id', { ProvisionedThroughput }),
    index('status', { ProvisionedThroughput }),
  ]);
});

test.each([
  [{ auto_scaling: true }, undefined],
  [{ billing_mode: 'PROVISIONED' }, undefined],
  [{ billing_mode: 'PROVISIONED', auto_scaling: { enabled: false, max_read_capacity: 9 } }, undefined],
  [
    { billing_mode: 'PROVISIONED', auto_scaling: true },
    { read: { min: 1, max: 100 }, write: { min: 1, max: 100 }, targetUtilization: 70 },
  ],
  [
    {
      billing_mode: 'PROVISIONED',
      auto_scaling: {
        enabled: true,
        min_read_capacity: 2,
        max_read_capacity: 3,
        min_write_capacity: 4,
        max_write_capacity: 5,
        target_utilization: 60,
      },
    },
    { read: { min: 2, max: 3 }, write: { min: 4, max: 5 }, targetUtilization: 60 },
  ],
])('%j scales by %j', (config, autoScaling) => {
  expect(definitionsOf(config).map((definition) => definition.autoScaling)).toEqual([0, 1, 2].map(() => autoScaling));
});

test('only fields that every entity holds as a string are keys of an index', () => {
  for (const collection of collectionNames) {
    const keys = declarationOf(collection).indexes.flatMap(({ partitionKey, sortKey }) => [partitionKey, sortKey]);
    for (const key of keys) expect(['string', 'timestamp']).toContain(fieldsOf(collection).get(key)?.type);
  }
});
