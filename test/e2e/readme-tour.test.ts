/** The tour of README.md: its commands are run, and their output is compared with the document. */
import { test } from '@jest/globals';
import { expectSessionsOf } from './compare-sessions.ts';

test('the tour produces the documented output', async () => {
  await expectSessionsOf('README.md', 'A five-minute tour');
});
