/** `hfstorage --remote`: the same commands, output and exit codes as on the store itself. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { main } from '../../lib/cli/main.ts';
import type { Streams } from '../../lib/cli/output.ts';
import { launcher, type Outcome, sampleFile, Workplace } from '../cli/run-hfstorage.ts';
import { type RemoteApi, startRemoteApi } from './remote-api.ts';

/** Runs `hfstorage` in this process, without extra arguments. */
async function hfstorage(args: readonly string[], input = ''): Promise<Outcome> {
  const [stdin, stdout, stderr] = [Readable.from([input]), new PassThrough(), new PassThrough()];
  const printed = Promise.all([text(stdout), text(stderr)]);
  const code = await main(args, { stdin, stdout, stderr } as unknown as Streams);
  stdout.end();
  stderr.end();
  const [out, err] = await printed;
  return { code, stdout: out, stderr: err };
}

describe('on a running service', () => {
  let remote: RemoteApi;
  let place: Workplace;
  beforeEach(async () => {
    remote = await startRemoteApi();
    place = await Workplace.create();
  });
  afterEach(async () => {
    await remote.close();
    await place.remove();
  });

  const request = { request_id: 'r-1', template_id: 'test-template-2', machine_count: 2, status: 'PENDING' };
  const machines = [
    { machine_id: 'm/1', request_id: 'r-1', status: 'PENDING' },
    { machine_id: '..', request_id: 'r-1', status: 'RUNNING' },
    { machine_id: 'm-3', request_id: 'none', status: 'RUNNING' },
    { machine_id: 'm-4', status: 7 },
  ];
  const steps: readonly (readonly [readonly string[], unknown?])[] = [
    [['import', sampleFile]],
    [['import', sampleFile, '--json']],
    [['save', 'requests', JSON.stringify(request)]],
    [['save', 'requests', JSON.stringify(request), '--expected-version', '0']],
    [['save', 'requests', '--json'], { ...request, tags: { a: ['ü 漢字'] } }],
    [['save', 'requests', JSON.stringify({ ...request, template_id: 'none' })]],
    [['save', 'machines'], machines],
    [['save', 'machines', '--json'], machines],
    [['get', 'machines', '..', 'm/1', 'm-9']],
    [['get', 'machines', '..', '--json']],
    [['get', 'machines', '']],
    [['update', 'machines', 'm/1', '--set', 'status=FAILED', '--unset', 'private_ip']],
    [['update', 'machines', 'm/1', '--set', 'status=FAILED', '--expected-version', '1']],
    [['update', 'machines', 'm-9', '--set', 'status=FAILED']],
    [['query', 'machines', '--filter', 'status=FAILED', '--filter', 'status=RUNNING', '--order-by', '-machine_id']],
    [['query', 'templates', '--limit', '2', '--order-by', 'template_id']],
    [['query', 'templates', '--all', '--limit', '2', '--order-by', 'template_id', '--json']],
    [['query', 'templates', '--cursor', 'x']],
    [['query', 'machines', '--filter', 'stauts=A']],
    [['count', 'machines', '--group-by', 'status']],
    [['count', 'machines', '--filter', 'created_at[gte]=2026-01-01T00:00:00+02:00', '--json']],
    [['delete', 'requests', 'r-1']],
    [['delete', 'machines', '..', '--expected-version', '7']],
    [['delete', 'machines', '..', '--json']],
    [['delete', 'machines', '..']],
  ];

  const withoutTimes = ({ code, stdout, stderr }: Outcome): Outcome => ({
    code,
    stdout: stdout.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'),
    stderr: stderr.replace(/--cursor \S+/, '--cursor CURSOR'),
  });

  test('commands work as on the store', async () => {
    for (const [args, input] of steps) {
      const typed = input === undefined ? '' : JSON.stringify(input);
      const local = withoutTimes(await hfstorage(['--config', place.path('config.json'), ...args], typed));
      const there = withoutTimes(await hfstorage(['--remote', remote.gateway.url, ...args], typed));
      expect({ args, ...there }).toEqual({ args, ...local });
    }
    expect(remote.gateway.calls.length).toBeGreaterThan(steps.length / 2);
    expect(await remote.api.repository.countEntities('machines')).toEqual({ count: 1 });
  });

  test('in a separate process, with HFSTORAGE_REMOTE and HFSTORAGE_API_TOKEN', async () => {
    const guarded = await startRemoteApi({ token: 'a-token' });
    const run = async (env: NodeJS.ProcessEnv): Promise<Outcome> => {
      const child = spawn(process.execPath, [launcher, 'import', sampleFile, '--json'], {
        env: { ...process.env, HFSTORAGE_REMOTE: guarded.gateway.url, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const code = new Promise<number | null>((resolve) => child.on('close', resolve));
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      return { code: await code, stdout, stderr };
    };
    const refused = await run({ HFSTORAGE_API_TOKEN: '' });
    expect(refused).toEqual({
      code: 1,
      stdout: '',
      stderr: 'hfstorage: Send the token of this server: Authorization: Bearer <HFSTORAGE_API_TOKEN>.\n',
    });
    const { code, stdout, stderr } = await run({ HFSTORAGE_API_TOKEN: 'a-token' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout).imported).toHaveLength(JSON.parse(await readFile(sampleFile, 'utf8')).templates.length);
    expect((await guarded.api.repository.countEntities('templates')).count).toBeGreaterThan(0);
    await guarded.close();
  });

  test('an answer of something else is reported in one line', async () => {
    remote.gateway.fate(/./, {
      status: 403,
      headers: { 'Content-Type': 'application/json' },
      body: '{"message":"Forbidden"}',
    });
    const { code, stdout, stderr } = await hfstorage(['--remote', remote.gateway.url, 'count', 'machines']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^hfstorage: http:\S+ refused the call \(403: Forbidden\)\. The API may require an API key.*\n$/,
    );
  });
});

describe('wrong usage', () => {
  const remote = 'http://127.0.0.1:1';
  let before: string | undefined;
  beforeAll(() => {
    before = process.env.HFSTORAGE_REMOTE;
  });
  afterEach(() => {
    delete process.env.HFSTORAGE_REMOTE;
  });
  afterAll(() => {
    if (before !== undefined) process.env.HFSTORAGE_REMOTE = before;
  });

  test.each([
    [
      ['doctor'],
      /^hfstorage: hfstorage doctor works on the store itself, not through a service: leave out --remote\.\n$/,
    ],
    [['config', 'show'], /^hfstorage: hfstorage config show works on the store itself/],
    [['serve'], /^hfstorage: hfstorage serve works on the store itself/],
    [['count', 'machines', '--config', 'a.json'], /^hfstorage: --remote uses a service, --config a store/],
  ])('%j with --remote is wrong usage', async (args, message) => {
    const { code, stdout, stderr } = await hfstorage(['--remote', remote, ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  test.each([
    [
      ['--remote-region', 'eu-west-1'],
      /^hfstorage: --remote-region, --profile and --api-key-file are for calls to a service: give --remote too/,
    ],
    [['--api-key-file', 'key'], /give --remote too/],
    [['--profile', 'p'], /give --remote too/],
  ])('%j without it is wrong usage', async (args, message) => {
    expect(await hfstorage(['count', 'machines', ...args])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(message),
    });
  });

  test.each([
    [['--remote', 'http://example.com', 'count', 'machines'], /unencrypted/],
    [['--remote', remote, 'query', 'machines', '--explain'], /--explain/],
    [
      ['--remote', remote, 'count', 'machines'],
      /^hfstorage: http:\/\/127\.0\.0\.1:1 cannot be reached: connection refused\./,
    ],
  ])('%j fails in one line', async (args, message) => {
    const { code, stdout, stderr } = await hfstorage(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd()).not.toContain('\n');
  });

  test('--config takes precedence over HFSTORAGE_REMOTE, which is named if a command cannot use it', async () => {
    process.env.HFSTORAGE_REMOTE = remote;
    expect(await hfstorage(['config', 'check'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/unset HFSTORAGE_REMOTE, or give --config/),
    });
    const place = await Workplace.create();
    expect(await place.hfstorage(['count', 'machines'])).toEqual({ code: 0, stdout: '0\n', stderr: '' });
    await place.remove();
  });
});
