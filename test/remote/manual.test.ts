/** The examples of docs/remote.md. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { run } from '../cli/run-hfstorage.ts';
import { expectSessionsOf } from '../e2e/compare-sessions.ts';
import { root } from '../e2e/session-runner.ts';
import { startApi } from '../server/running-api.ts';

const DOCUMENT = 'docs/remote.md';

test('the sessions produce the documented output', async () => {
  await expectSessionsOf(DOCUMENT);
});

test('the library program prints the documented output', async () => {
  const manual = await readFile(join(root, DOCUMENT), 'utf8');
  const [, program = '', shown = ''] = /^```ts\n(.*?)^```\n\n```text\n(.*?)^```/ms.exec(manual) ?? [];
  const api = await startApi();
  const file = join(api.folder, 'program.ts');
  const code = program
    .replace("'hfstorage'", JSON.stringify(join(root, 'lib', 'library.ts')))
    .replace('http://127.0.0.1:8080', api.url);
  await writeFile(file, code);
  expect(await run(process.execPath, [file])).toEqual({ code: 0, stdout: shown, stderr: '' });
  await rm(file);
  await api.close();
});
