import { sep } from 'node:path';
import TestSequencer from '@jest/test-sequencer';

/** Where there is no last run to learn from, as in a clean clone: what takes longest, longest first. */
const LONGEST = [
  'test/contract/on/json-on-s3-',
  'test/contract/on/dynamodb.test.ts',
  'test/contract/on/postgresql.test.ts',
  'test/e2e/deployed/dev.test.ts',
  'test/e2e/deployed/json.test.ts',
  'test/e2e/deployed/sql.test.ts',
  'test/cdk/',
  'test/e2e/state-machines/',
  'test/migration/',
  'test/strategies/dynamodb/provisioning.test.ts',
  'test/contract/on/',
].map((path) => path.replaceAll('/', sep));

const rank = ({ path }) => {
  const place = LONGEST.findIndex((part) => path.includes(part));
  return place === -1 ? LONGEST.length : place;
};

/** Starts long test files first, so that no processor is idle in the end. */
// biome-ignore lint/style/noDefaultExport: Jest reads the default export.
export default class LongestFirst extends TestSequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    // Jest knows how long each took the last time, and has sorted by that.
    return sorted.some(({ duration }) => duration !== undefined)
      ? sorted
      : sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
