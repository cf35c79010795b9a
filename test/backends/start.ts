import { randomUUID } from 'node:crypto';
import { offerBackends } from './backends.ts';
import { running } from './service.ts';

/** Fake credentials that the test servers accept, so that a test can never reach a real account. */
const STAND_IN_CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** Prepares a test run. It starts no server: test files ask for those that they need. */
// biome-ignore lint/style/noDefaultExport: Jest calls the default export.
export default async function start(): Promise<void> {
  if (process.env.HFSTORAGE_TEST_S3_ENDPOINT === undefined) Object.assign(process.env, STAND_IN_CREDENTIALS);
  // All tables of this run begin with it.
  process.env.HFSTORAGE_TEST_DYNAMODB_PREFIX = `hfstorage-test-${randomUUID()}`;
  const backends = await offerBackends();
  running.push(backends);
  // Every worker inherits it.
  process.env.HFSTORAGE_TEST_BACKENDS = backends.url;
}
