/** `openRemoteRepository` and `hfstorage --remote` on the shipped `prod`, which has usage plans and a firewall. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { HttpRepository } from '../../../lib/remote/http-repository.ts';
import { openRemoteRepository, type RemoteOptions } from '../../../lib/remote/open-remote.ts';
import { launcher, type Outcome } from '../../cli/run-hfstorage.ts';
import { rejection } from '../../contract/rejection.ts';
import { withEnvironment } from '../../remote/aws-environment.ts';
import { callServer, template } from '../../server/running-api.ts';
import { callSigned, type DeployedApi, startDeployedApi } from './deployed-api.ts';
import { CALLER } from './deployed-app.ts';
import { REGION } from './physical-ids.ts';

const login = { AWS_ACCESS_KEY_ID: CALLER.accessKeyId, AWS_SECRET_ACCESS_KEY: CALLER.secretAccessKey };

let api: DeployedApi;
let apiKey: string;
beforeAll(async () => {
  api = await startDeployedApi('prod');
  apiKey = api.app.api.keys.get('Caller operators') as string;
});
afterAll(() => api.close());

const forbidden = { status: 403, body: { type: 'urn:hostfactory:problem:forbidden', detail: 'Forbidden' } };

async function onRemote<T>(work: (repository: HttpRepository) => Promise<T>, options: Partial<RemoteOptions> = {}) {
  // The access key of the test selects the tables; the caller's key replaces it only for signing.
  return withEnvironment(login, async () => {
    await using repository = openRemoteRepository({ url: api.url, region: REGION, apiKey, ...options }, {});
    return await work(repository);
  });
}

test('each method requires the key of a usage plan, and the firewall a User-Agent', async () => {
  expect([...api.app.api.keys.keys()].sort()).toEqual([
    'Caller hostfactory-east',
    'Caller hostfactory-west',
    'Caller operators',
  ]);
  const signed = (key: string | undefined, userAgent?: string) => {
    const headers = userAgent === undefined ? {} : { 'User-Agent': userAgent };
    return callSigned(api.port, 'GET', '/v1/health', { headers }, { ...CALLER, apiKey: key });
  };
  for (const key of api.app.api.keys.values()) expect((await signed(key)).status).toBe(200);
  expect(await signed(undefined)).toMatchObject(forbidden);
  expect(await signed('another')).toMatchObject(forbidden);
  expect(await signed(apiKey, '')).toMatchObject(forbidden);
  expect(await callServer(api.port, 'GET', '/v1/health')).toMatchObject(forbidden);
});

test('the repository over HTTP works on it as on a store', async () => {
  await onRemote(async (repository) => {
    const entity = { ...template(), template_id: 'remote' } as never;
    const saved = await repository.saveEntity('templates', entity);
    expect(await repository.getEntity('templates', 'remote')).toEqual(saved);
    expect(await repository.updateEntity('templates', 'remote', { name: 'b' })).toMatchObject({ version: 2 });
    const { request, machines } = await repository.provision({ template_id: 'remote', machine_count: 2 });
    const status = 'RUNNING';
    const [machine] = machines;
    const running = repository.transaction((tx) =>
      tx.updateEntity('machines', String(machine?.machine_id), { status }),
    );
    expect(await running).toMatchObject({ status, version: 2 });
    const filters = { request_id: request.request_id };
    expect(await repository.countEntities('machines', { filters, groupBy: 'status' })).toMatchObject({ count: 2 });
    const { items } = await repository.queryEntities('machines', { filters });
    await repository.saveEntities('machines', items);
    expect(await repository.getEntities('machines', [String(machine?.machine_id)])).toMatchObject({ missing: [] });
  });
});

test('without a key, or with a wrong one, the error says what to provide', async () => {
  const read = (repository: HttpRepository) => rejection(repository.getEntity('templates', 't'));
  const without = await onRemote(read, { apiKey: undefined });
  expect(without).toMatchObject({ code: 'access_denied', status: 403 });
  expect(without.message).toMatch(/\(403: Forbidden\)\. The API may require an API key: give it with --api-key-file/);
  expect((await onRemote(read, { apiKey: 'another' })).message).toMatch(/Check the API key \(--api-key-file/);
});

test('a write without a version that the usage plan rejects is retried, and executed once', async () => {
  api.app.gateway.refuseNext('THROTTLED');
  const entity = { ...template(), template_id: 'throttled' } as never;
  const start = performance.now();
  expect(await onRemote((repository) => repository.saveEntity('templates', entity))).toMatchObject({ version: 1 });
  // Retry-After of the gateway response.
  expect(performance.now() - start).toBeGreaterThanOrEqual(4_990);
});

test('an exhausted quota is reported', async () => {
  api.app.gateway.refuseNext('QUOTA_EXCEEDED');
  const policy = { attemptMs: 1_000, totalMs: 1_000, attempts: 2, baseMs: 1, longestMs: 1 };
  const error = await onRemote((repository) => rejection(repository.getEntity('templates', 't')), { policy });
  expect(error).toMatchObject({ code: 'storage_unavailable', retryable: true });
  expect(error.message).toMatch(/\(429: Limit Exceeded\) and asks to wait 5 s\. Try again when the quota/);
});

test('hfstorage --remote works on it with a key from the environment or a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hfstorage-key-'));
  const file = join(folder, 'api-key');
  await writeFile(file, `${apiKey}\n`);
  const hfstorage = async (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> => {
    const child = spawn(process.execPath, [launcher, '--remote-region', REGION, ...args], {
      env: { ...process.env, ...login, HFSTORAGE_REMOTE: api.url, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const code = new Promise<number | null>((resolve) => child.on('close', resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await code, stdout, stderr };
  };
  const key = { HFSTORAGE_API_KEY: apiKey };
  const entity = JSON.stringify({ ...template(), template_id: 'cli' });
  expect(await hfstorage(['save', 'templates', entity], key)).toMatchObject({ code: 0, stderr: '' });
  expect(await hfstorage(['--api-key-file', file, 'get', 'templates', 'cli', '--json'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"template_id":"cli"'),
  });
  const { code, stdout, stderr } = await hfstorage(['get', 'templates', 'cli']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^hfstorage: \S+ refused the call \(403: Forbidden\)\. The API may require an API key: .*\n$/);
  await rm(folder, { recursive: true });
});
