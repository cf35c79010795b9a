import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { asShown, sessionBlocks } from './documented-session.ts';
import { root, runSessions } from './session-runner.ts';

const withNewline = (output: string): string => (output.endsWith('\n') ? output : `${output}\n`);

/** Runs the sessions of a document, or of one of its sections, and expects the documented output. */
export async function expectSessionsOf(document: string, heading?: string): Promise<void> {
  const blocks = sessionBlocks(await readFile(join(root, document), 'utf8'), heading);
  const unanswered = blocks.filter(({ shown }) => shown === undefined).map(({ line }) => line);
  expect({ linesWithoutOutput: unanswered }).toEqual({ linesWithoutOutput: [] });
  expect(blocks.length).toBeGreaterThan(0);
  for (const { block, output } of await runSessions(blocks)) {
    const { line, shown = '' } = block;
    expect(`${document}:${line}\n${asShown(withNewline(output), shown)}`).toBe(`${document}:${line}\n${shown}`);
  }
}
