/** `hfstorage` as a separate process, as people and scripts run it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { launcher, run, sampleFile, Workplace } from './run-hfstorage.ts';

let place: Workplace;
let started: ChildProcess[];
beforeEach(async () => {
  place = await Workplace.create();
  started = [];
});
afterEach(async () => {
  for (const child of started) child.kill('SIGKILL');
  await place.remove();
});

/** Starts `hfstorage` without waiting for its end. */
function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [launcher, '--config', 'config.json', ...args], {
    cwd: place.folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  return child;
}

const closed = async (child: ChildProcess) => {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal };
};

test('without any configuration, data is kept in the current folder', async () => {
  await mkdir(place.path('empty'));
  const hfstorage = (...args: string[]) => run(process.execPath, [launcher, ...args], { cwd: place.path('empty') });
  expect(await hfstorage('import', sampleFile)).toMatchObject({ code: 0, stderr: 'Imported 5 of 5 templates.\n' });
  expect(await hfstorage('count', 'templates')).toEqual({ code: 0, stdout: '5\n', stderr: '' });
  expect(await run('ls', ['data'], { cwd: place.path('empty') })).toMatchObject({
    stdout: expect.stringContaining('request_database.json'),
  });
});

test('standard input, exit codes and both outputs are those of the command', async () => {
  const template = { template_id: 't-1', name: 'One', provider_api: 'RunInstances', vm_type: 'a', max_number: 5 };
  const hfstorage = (args: string[], input?: string) =>
    place.spawnHfstorage(['--config', 'config.json', ...args], input);
  expect(await hfstorage(['save', 'templates', '-', '--json'], JSON.stringify(template))).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(await hfstorage(['get', 'templates', 't-2'])).toMatchObject({ code: 1, stdout: '' });
  expect(await hfstorage(['get', 'template', 't-2'])).toMatchObject({ code: 2, stdout: '' });
});

test('no stack trace, unless HFSTORAGE_DEBUG=1 asks for it', async () => {
  const failing = ['get', 'templates', ''];
  const stderrOf = async (child: ReturnType<typeof start>) => text(child.stderr);
  expect(await stderrOf(start(failing))).toBe('hfstorage: template_id must not be empty\n');
  expect(await stderrOf(start(failing, { HFSTORAGE_DEBUG: '1' }))).toMatch(/\n\s+at /);
});

test('a reader that closes the pipe, as in `| head`, ends the command quietly', async () => {
  const templates = Array.from({ length: 600 }, (_, i) => ({
    template_id: `t-${i}`,
    name: 'x'.repeat(255),
    provider_api: 'RunInstances',
    vm_type: 'a',
    max_number: 5,
    filler: 'x'.repeat(1000),
  }));
  await place.hfstorage(['save', 'templates', '-'], { input: JSON.stringify(templates) });
  for (const flags of [['--json'], []]) {
    const child = start(['query', 'templates', '--all', '--limit', '100', ...flags]);
    const stderr = text(child.stderr);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await closed(child)).toEqual({ code: 0, signal: null });
    expect(await stderr).toBe('');
  }
});

const url = async (child: ReturnType<typeof start>): Promise<string> => {
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return String(chunk).trim();
};

test.each(['SIGINT', 'SIGTERM'] as const)('serve prints its URL, answers, and ends cleanly on %s', async (signal) => {
  const child = start(['serve', '--port', '0'], { HFSTORAGE_API_TOKEN: '' });
  const address = await url(child);
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await (await fetch(`${address}/v1/health`)).json()).toEqual({ status: 'ok' });
  child.kill(signal);
  expect(await closed(child)).toEqual({ code: 0, signal: null });
});

test('the signals of one Ctrl-C count as one: a call in progress is finished', async () => {
  const child = start(['serve', '--port', '0'], { HFSTORAGE_API_TOKEN: '' });
  const body = JSON.stringify({ template_id: 'late', name: 'n', provider_api: 'p', vm_type: 'v', max_number: 1 });
  const call = request(`${await url(child)}/v1/templates`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Content-Length': String(body.length) },
  });
  call.write(body.slice(0, 10));
  await wait(200);
  // A terminal, npm and the launcher each send the signal of one Ctrl-C.
  child.kill('SIGINT');
  child.kill('SIGINT');
  await wait(200);
  call.end(body.slice(10));
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBe(201);
  answer.resume();
  expect(await closed(child)).toEqual({ code: 0, signal: null });
});

test('serve requires the token of HFSTORAGE_API_TOKEN, and reports a port in use', async () => {
  const child = start(['serve', '--port', '0', '--json'], { HFSTORAGE_API_TOKEN: 'a-long-enough-token' });
  const { url: address } = JSON.parse(await url(child)) as { url: string };
  expect((await fetch(`${address}/v1/requests`)).status).toBe(401);
  const { port } = new URL(address);
  const second = start(['serve', '--port', port]);
  const stderr = await text(second.stderr);
  expect(second.exitCode ?? (await closed(second)).code).toBe(1);
  expect(stderr).toMatch(/^hfstorage: Port \d+ of 127\.0\.0\.1 is in use by another program\. .*\n$/);
});

test('a second signal ends the process at once', async () => {
  const module = JSON.stringify(join(import.meta.dirname, '..', '..', 'lib', 'cli', 'shutdown.ts'));
  const script = `import { untilStopped } from ${module};
    setInterval(() => {}, 1000);
    const stopped = untilStopped();
    console.log('ready');
    await stopped;
    console.log('stopping');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  await once(child.stdout, 'data');
  await wait(600);
  child.kill('SIGTERM');
  expect(await closed(child)).toEqual({ code: 143, signal: null });
});
