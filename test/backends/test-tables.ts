/** Tables in the tests' DynamoDB, so that every test store has its own. */
import { randomUUID } from 'node:crypto';

/** Settings of `dynamodb_strategy` that reach the tests' DynamoDB. */
export interface TestTables {
  readonly endpoint: string;
  readonly region: string;
  /** No other store of this test run or of any other has it. */
  readonly table_prefix: string;
}

/** Settings for a store with tables of its own, which do not exist yet. Nobody need remove them: the test run does. */
export function newTestTables(): TestTables {
  const {
    HFSTORAGE_TEST_DYNAMODB_ENDPOINT: endpoint,
    HFSTORAGE_TEST_DYNAMODB_PREFIX: prefix,
    AWS_REGION,
  } = process.env;
  if (endpoint === undefined || prefix === undefined)
    throw new Error('HFSTORAGE_TEST_DYNAMODB_ENDPOINT is not set: run the test by Jest, which starts a server.');
  return { endpoint, region: AWS_REGION ?? 'us-east-1', table_prefix: `${prefix}-${randomUUID()}` };
}
