/** Tables in the tests' DynamoDB, so that every test store has its own. */
import { randomUUID } from 'node:crypto';
import { needBackend } from './backend.ts';

await needBackend('dynamodb');

/** Settings of `dynamodb_strategy` that reach the tests' DynamoDB. */
export interface TestTables {
  readonly endpoint: string;
  readonly region: string;
  /** Unique to this store and this test run. */
  readonly table_prefix: string;
}

/** Settings for a store with its own tables, which do not exist yet. The test run removes them. */
export function newTestTables(): TestTables {
  const { HFSTORAGE_TEST_DYNAMODB_ENDPOINT, HFSTORAGE_TEST_DYNAMODB_PREFIX, AWS_REGION = 'us-east-1' } = process.env;
  const table_prefix = `${HFSTORAGE_TEST_DYNAMODB_PREFIX}-${randomUUID()}`;
  return { endpoint: HFSTORAGE_TEST_DYNAMODB_ENDPOINT as string, region: AWS_REGION, table_prefix };
}
