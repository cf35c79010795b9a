/** Tables in the tests' DynamoDB, so that every test store has its own. */
import { randomUUID } from 'node:crypto';
import { needBackend } from './backend.ts';

await needBackend('dynamodb');

/** Settings of `dynamodb_strategy` that reach the tests' DynamoDB. */
export interface TestTables {
  readonly endpoint: string;
  readonly region: string;
  /** No other store of this test run or of any other has it. */
  readonly table_prefix: string;
}

/** Settings for a store with tables of its own, which do not exist yet. Nobody need remove them: the test run does. */
export function newTestTables(): TestTables {
  const { HFSTORAGE_TEST_DYNAMODB_ENDPOINT, HFSTORAGE_TEST_DYNAMODB_PREFIX, AWS_REGION = 'us-east-1' } = process.env;
  const table_prefix = `${HFSTORAGE_TEST_DYNAMODB_PREFIX}-${randomUUID()}`;
  return { endpoint: HFSTORAGE_TEST_DYNAMODB_ENDPOINT as string, region: AWS_REGION, table_prefix };
}
