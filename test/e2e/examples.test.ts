/** The programs in examples/ run, and print the output shown in the documents that explain them. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { root } from './session-runner.ts';

const SHARED = 'temporary-store.ts';
const MANUALS = ['library.md', 'architecture.md'];
/** Begins the snippets that show what a new file of the program would contain. */
const PLANNED = /^\/\/ lib\//;

const manualText = async (): Promise<string> =>
  (await Promise.all(MANUALS.map((name) => readFile(join(root, 'docs', name), 'utf8')))).join('\n');

async function outputOf(program: string): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'examples', program)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return output + errors;
}

test('every example prints the output in the manuals', async () => {
  const manual = await manualText();
  const shown = [...manual.matchAll(/^\[`(\S+\.ts)`\]\(\.\.\/examples\/\1\)[^`]*?^```text\n(.*?)^```/gms)];
  const programs = (await readdir(join(root, 'examples'))).filter((name) => name.endsWith('.ts') && name !== SHARED);
  expect(shown.map(([, name]) => name).toSorted()).toEqual(programs.toSorted());
  for (const [, name = '', output] of shown) expect(`${name}\n${await outputOf(name)}`).toBe(`${name}\n${output}`);
});

test('the TypeScript in the manuals is code from the examples', async () => {
  const squeezed = (code: string): string => code.replace(/\s+/g, ' ');
  const programs = (await readdir(join(root, 'examples'))).filter((name) => name.endsWith('.ts'));
  const code = squeezed(
    (await Promise.all(programs.map((name) => readFile(join(root, 'examples', name), 'utf8')))).join('\n'),
  );
  const snippets = [...(await manualText()).matchAll(/^```ts\n(.*?)^```/gms)]
    .map(([, snippet = '']) => snippet)
    .filter((snippet) => !PLANNED.test(snippet));
  expect(snippets.length).toBeGreaterThan(2);
  // A line of dots marks code that a snippet leaves out.
  for (const part of snippets.flatMap((snippet) => snippet.split(/^\s*\/\/ …\n/m)))
    expect(code).toContain(squeezed(part).trim());
});
