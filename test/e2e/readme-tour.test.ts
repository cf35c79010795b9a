/** The tour of README.md: its commands are run, and what they write is compared with what it shows. */
import { test } from '@jest/globals';
import { expectSessionsOf } from './compare-sessions.ts';

test('the tour does what it says', async () => {
  await expectSessionsOf('README.md', 'A five-minute tour');
});
