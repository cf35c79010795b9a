/** What is derived from other files is up to date: the schema of the configuration, and the table of layers. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');

test('generated files are up to date (otherwise run `npm run generate`)', () => {
  const { stderr, status } = spawnSync(process.execPath, [join(root, '.ci', 'generate.js'), '--check'], {
    encoding: 'utf8',
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
});
