/** Errors that CloudFormation would report only at deployment. A separate file: it takes longer than the rest together. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { findPythonTool } from '../backends/python-tool.ts';
import { assemblyFolder, type Synthesized, shipped } from './assembly-folder.ts';
import { templateFiles } from './synthesized.ts';

/** Configurations with resources or values of their own. */
const linted: readonly Synthesized[] = [
  ...shipped,
  ...(['private', 'mutual-tls', 'replicas', 'as-little-as-possible', 'vpc-that-exists'] as const),
  ...(['from-tables-elsewhere', 'from-database-by-password', 'from-database-by-iam'] as const),
];

const folders = await Promise.all(linted.map(assemblyFolder));

/** The output of cfn-lint; empty if templates are clean. All in one run: each run reads the schemas of all resources. */
async function lint(files: readonly string[]): Promise<string> {
  const command = findPythonTool({
    command: 'cfn-lint',
    requirement: 'cfn-lint==1.51.0',
    purpose: 'the tests of the CloudFormation templates',
  });
  // W3005: CDK also writes dependencies that a reference implies.
  const args = ['-t', ...files, '-i', 'W3005'];
  const { stdout } = await promisify(execFile)(command, args, { maxBuffer: Infinity }).catch(
    (error: { stdout: string; message: string }) => ({ stdout: error.stdout || error.message }),
  );
  return stdout;
}

test('all templates pass cfn-lint', async () => {
  // Configurations that differ in one stack have the others in common.
  const distinct = new Map(
    folders.flatMap(templateFiles).map((file) => [createHash('sha256').update(readFileSync(file)).digest('hex'), file]),
  );
  expect(distinct.size).toBeGreaterThan(5 * shipped.length);
  expect(await lint([...distinct.values()])).toBe('');
}, 300_000);
