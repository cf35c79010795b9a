/** The standard chain of AWS credentials on an on-premises machine: environment, profile, process. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { rejection } from '../contract/rejection.ts';
import { withEnvironment } from './aws-environment.ts';
import { type RemoteApi, startRemoteApi } from './remote-api.ts';
import { scopeOf } from './signature-check.ts';

const REGION = 'eu-central-1';
const secrets = {
  AKIDENV: 'of the environment',
  AKIDFILE: 'of the file',
  AKIDOTHER: 'of another',
  AKIDPROCESS: 'of a process',
};

let remote: RemoteApi;
let folder: string;
beforeAll(async () => {
  remote = await startRemoteApi({ signed: { region: REGION, secrets } });
});
afterAll(() => remote.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-aws-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Writes a configuration file of profiles and returns the environment variables that name it. */
async function profiles(text: string): Promise<Record<string, string>> {
  const file = join(folder, 'config');
  await writeFile(file, text);
  return { AWS_CONFIG_FILE: file };
}

/** Makes calls and returns the access keys in their signatures. */
async function keysOf(settings: Record<string, string>, profile?: string, calls = 1): Promise<(string | undefined)[]> {
  const used: (string | undefined)[] = [];
  await withEnvironment(settings, async () => {
    const repository = remote.open({ region: REGION, ...(profile !== undefined && { profile }) });
    for (let i = 0; i < calls; i++) {
      expect(await repository.getEntity('templates', 'none')).toBeUndefined();
      used.push(scopeOf(remote.gateway.last.headers.authorization)?.accessKeyId);
    }
  });
  return used;
}

const inEnvironment = { AWS_ACCESS_KEY_ID: 'AKIDENV', AWS_SECRET_ACCESS_KEY: secrets.AKIDENV };
const inFile = `[default]
aws_access_key_id = AKIDFILE
aws_secret_access_key = ${secrets.AKIDFILE}

[profile other]
aws_access_key_id = AKIDOTHER
aws_secret_access_key = ${secrets.AKIDOTHER}
`;

test('the environment comes first', async () => {
  expect(await keysOf({ ...(await profiles(inFile)), ...inEnvironment })).toEqual(['AKIDENV']);
});

test('a profile comes from AWS_PROFILE, or from the option, which takes precedence over the environment', async () => {
  const settings = await profiles(inFile);
  expect(await keysOf(settings)).toEqual(['AKIDFILE']);
  expect(await keysOf({ ...settings, AWS_PROFILE: 'other' })).toEqual(['AKIDOTHER']);
  expect(await keysOf({ ...settings, ...inEnvironment }, 'other')).toEqual(['AKIDOTHER']);
});

test.each([
  ['are kept until they expire', 3_600_000, false],
  ['are renewed when they are about to expire', 60_000, true],
])('credentials of a process, as with IAM Roles Anywhere, %s', async (_, lifetimeMs, renewed) => {
  const [script, log] = [join(folder, 'signing-helper.sh'), join(folder, 'log')];
  const credentials = JSON.stringify({
    Version: 1,
    AccessKeyId: 'AKIDPROCESS',
    SecretAccessKey: secrets.AKIDPROCESS,
    SessionToken: 'token',
    Expiration: new Date(Date.now() + lifetimeMs).toISOString(),
  });
  await writeFile(script, `#!/bin/sh\necho run >> '${log}'\ncat <<'END'\n${credentials}\nEND\n`);
  await chmod(script, 0o755);
  const settings = await profiles(`[profile hostfactory]\ncredential_process = ${script}\n`);
  const used = await keysOf(settings, 'hostfactory', 3);
  expect(used).toEqual(['AKIDPROCESS', 'AKIDPROCESS', 'AKIDPROCESS']);
  expect(remote.gateway.last.headers['x-amz-security-token']).toBe('token');
  const runs = (await readFile(log, 'utf8')).trim().split('\n').length;
  expect(runs > 1).toBe(renewed);
});

test.each([
  ['a profile that does not exist', 'nobody', /^No AWS credentials from the profile "nobody" to sign the call with: /],
  [
    'a process that fails',
    'broken',
    /^No AWS credentials from the profile "broken" to sign the call with: .*--profile/,
  ],
])('%s is named, and nothing is sent', async (_, profile, message) => {
  const settings = await profiles('[profile broken]\ncredential_process = false\n');
  await withEnvironment(settings, async () => {
    const before = remote.gateway.calls.length;
    const error = await rejection(remote.open({ region: REGION, profile }).getEntity('templates', 't'));
    expect(error).toMatchObject({ code: 'configuration_invalid', message: expect.stringMatching(message) });
    expect(remote.gateway.calls).toHaveLength(before);
  });
});
