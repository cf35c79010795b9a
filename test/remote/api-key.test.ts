/** Usage plans require an API key with every call, and AWS WAF a User-Agent. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { packageVersion } from '../../lib/config/package-version.ts';
import { openRemoteRepository } from '../../lib/remote/open-remote.ts';
import { launcher, type Outcome } from '../cli/run-hfstorage.ts';
import { rejection } from '../contract/rejection.ts';
import { template } from '../contract/samples.ts';
import { withEnvironment } from './aws-environment.ts';
import { type RemoteApi, startRemoteApi } from './remote-api.ts';
import { scopeOf } from './signature-check.ts';

const REGION = 'eu-west-1';
const API_KEY = 'k3yOfTheUsagePlan0123456789';
const login = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'a secret' };

let remote: RemoteApi;
beforeAll(async () => {
  const secrets = { [login.AWS_ACCESS_KEY_ID]: login.AWS_SECRET_ACCESS_KEY };
  remote = await startRemoteApi({ apiKey: API_KEY, stage: '/prod', signed: { region: REGION, secrets } });
});
afterAll(() => remote.close());

test('every call carries the API key, under its signature, and a User-Agent', async () => {
  await withEnvironment(login, async () => {
    const repository = remote.open({ apiKey: API_KEY, region: REGION });
    await repository.saveEntity('templates', template());
    expect(await repository.countEntities('templates')).toEqual({ count: 1 });
    const { headers } = remote.gateway.last;
    expect(headers['user-agent']).toBe(`hfstorage/${packageVersion()}`);
    const signed = scopeOf(headers.authorization)?.signedHeaders;
    expect(signed).toContain('x-api-key');
    // Not signed: a proxy may change it.
    expect(signed).not.toContain('user-agent');
  });
});

test('the key in the options takes precedence over HFSTORAGE_API_KEY', async () => {
  await withEnvironment(login, async () => {
    const { url } = remote.gateway;
    await using fromEnvironment = openRemoteRepository({ url, region: REGION }, { HFSTORAGE_API_KEY: API_KEY });
    expect(await fromEnvironment.getEntity('templates', 'none')).toBeUndefined();
    await using given = openRemoteRepository(
      { url, region: REGION, apiKey: API_KEY },
      { HFSTORAGE_API_KEY: 'another' },
    );
    expect(await given.getEntity('templates', 'none')).toBeUndefined();
  });
});

test('without a key, or with a wrong one, the error says so', async () => {
  await withEnvironment(login, async () => {
    const without = await rejection(remote.open({ region: REGION }).getEntity('templates', 't'));
    expect(without).toMatchObject({ code: 'access_denied', status: 403, retryable: false });
    expect(without.message).toMatch(/may require an API key: give it with --api-key-file or HFSTORAGE_API_KEY\./);
    const wrong = await rejection(remote.open({ region: REGION, apiKey: 'an0ther' }).getEntity('templates', 't'));
    expect(wrong).toMatchObject({ code: 'access_denied', status: 403, retryable: false });
    expect(wrong.message).toMatch(/Check the API key \(--api-key-file, HFSTORAGE_API_KEY\)/);
    expect(wrong.message).not.toContain('an0ther');
  });
});

test('a key that cannot be sent in a header', () => {
  const open = () => openRemoteRepository({ url: remote.gateway.url, apiKey: 'a\nb' }, {});
  expect(open).toThrow(
    'The API key (--api-key-file, HFSTORAGE_API_KEY) must consist of visible ASCII characters without spaces.',
  );
});

test('hfstorage reads it from HFSTORAGE_API_KEY, or from the file of --api-key-file', async () => {
  const file = join(remote.api.folder, 'api-key');
  await writeFile(file, `${API_KEY}\n`);
  const count = async (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> => {
    const remotely = ['--remote', remote.gateway.url, '--remote-region', REGION];
    const child = spawn(process.execPath, [launcher, ...remotely, ...args, 'count', 'machines'], {
      env: { ...process.env, ...login, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const code = new Promise<number | null>((resolve) => child.on('close', resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await code, stdout, stderr };
  };
  const counted = { code: 0, stdout: '0\n', stderr: '' };
  expect(await count([], { HFSTORAGE_API_KEY: API_KEY })).toEqual(counted);
  expect(await count(['--api-key-file', file], { HFSTORAGE_API_KEY: 'another' })).toEqual(counted);
  expect(await count([])).toMatchObject({ code: 1, stderr: expect.stringMatching(/may require an API key/) });
  const missing = await count(['--api-key-file', `${file}.none`]);
  expect(missing).toEqual({
    code: 1,
    stdout: '',
    stderr: `hfstorage: ${file}.none cannot be read: no such file or directory.\n`,
  });
});
