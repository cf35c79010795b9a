/** The tour of README.md: its commands are run, and what they write is compared with what it shows. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { asShown, type SessionBlock, sessionBlocks } from './documented-session.ts';
import { root, runSessions } from './session-runner.ts';

const SECTION = 'A five-minute tour';

test('the tour does what it says', async () => {
  const blocks = sessionBlocks(await readFile(join(root, 'README.md'), 'utf8'), SECTION);
  expect(blocks.length).toBeGreaterThan(10);
  expect(blocks.filter(({ shown }) => shown === undefined)).toEqual([]);
  for (const { block, output } of await runSessions(blocks)) {
    expect({ line: block.line, output: shownAs(block, output) }).toEqual({ line: block.line, output: block.shown });
  }
});

const shownAs = ({ shown = '' }: SessionBlock, output: string): string => asShown(withNewline(output), shown);
const withNewline = (output: string): string => (output.endsWith('\n') ? output : `${output}\n`);
