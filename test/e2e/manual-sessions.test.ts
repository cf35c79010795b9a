/** The examples of the manuals, run one after the other. */
import { test } from '@jest/globals';
import { expectSessionsOf } from './compare-sessions.ts';

test.each([
  'docs/command-line.md',
  'docs/http-api.md',
  'docs/sql-store.md',
  'docs/migration.md',
  'docs/backup-and-recovery.md',
])('the examples of %s produce the documented output', async (document) => {
  await expectSessionsOf(document);
});
