/** What a user types: `npx cdk synth`, without a network or credentials. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { newFolder, shipped, templateFiles } from './synthesized.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const cdk = join(root, 'node_modules', 'aws-cdk', 'bin', 'cdk');

/** No AWS_*, and a PATH without the packages of this project: what starts the app must find its Node by itself. */
const bare = {
  HOME: process.env.HOME,
  TMPDIR: process.env.TMPDIR,
  PATH: (process.env.PATH ?? '')
    .split(':')
    .filter((folder) => !folder.includes('node_modules'))
    .join(':'),
};

const synth = (outdir: string, ...options: string[]) =>
  run(process.execPath, [cdk, 'synth', ...options, '--no-lookups', '--no-notices', '--quiet', '-o', outdir], {
    cwd: root,
    env: bare,
  });

// The others are synthesized by test/e2e/deployed, with the same command as here.
test.each(shipped.filter((name) => name === 'dax'))('%s is synthesized, code included', async (name) => {
  const outdir = newFolder();
  await synth(outdir, '-c', `env=${name}`);
  expect(templateFiles(outdir)).toHaveLength(5);
  expect(readdirSync(outdir).some((entry) => entry.startsWith('asset.'))).toBe(true);
});

test('an unknown environment is one sentence, without a stack trace', async () => {
  const outdir = newFolder();
  const { stderr } = await synth(outdir, '-c', 'env=nowhere').catch((error) => error as { stderr: string });
  expect(stderr).toContain('There is no environment "nowhere". There are: dax, dev, json, prod, sql');
  expect(stderr).not.toMatch(/^\s+at /m);
});
