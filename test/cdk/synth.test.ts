/** The command of a user, `npx cdk synth`, without a network or credentials. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { assemblyFolder } from './assembly-folder.ts';
import { newFolder, templateFiles } from './synthesized.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const cdk = join(root, 'node_modules', 'aws-cdk', 'bin', 'cdk');

/** No AWS_*, and a PATH without this project's packages: the command that starts the app must find Node on its own. */
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

test('its output equals what all other tests check, including code', async () => {
  const outdir = newFolder();
  // The command line adds the origin of resources and code to the templates.
  await synth(outdir, '-c', 'env=dax', '--no-path-metadata', '--no-asset-metadata');
  const other = await assemblyFolder('dax');
  const compared = readdirSync(outdir).filter((entry) => /^asset\.|\.(template|assets)\.json$/.test(entry));
  expect(readdirSync(other)).toEqual(expect.arrayContaining(compared));
  expect(templateFiles(outdir)).toHaveLength(5);
  for (const file of templateFiles(outdir)) {
    expect([file, readFileSync(file, 'utf8')]).toEqual([file, readFileSync(join(other, basename(file)), 'utf8')]);
  }
}, 300_000);

test('an unknown environment is one message, without a stack trace', async () => {
  const outdir = newFolder();
  const { stderr } = await synth(outdir, '-c', 'env=nowhere').catch((error) => error as { stderr: string });
  expect(stderr).toContain('There is no environment "nowhere". Known environments: dax, dev, json, prod, sql');
  expect(stderr).not.toMatch(/^\s+at /m);
}, 300_000);
