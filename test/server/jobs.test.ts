/** Migrations and backups over HTTP, on a server as started by `hfstorage serve`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openRepository } from '../../lib/strategies/open-repository.ts';
import { freePort } from '../backends/kept-process.ts';
import { launcher, run } from '../cli/run-hfstorage.ts';
import { type Body, callServer, type Reply, template } from './running-api.ts';

let folder: string;
let port: number;
let server: ChildProcess | undefined;

const storage = () => ({
  strategy: 'json' as const,
  json_strategy: { base_path: join(folder, 'data') },
  sql_strategy: { name: join(folder, 'store.db') },
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-jobs-'));
  port = await freePort();
  const migration = {
    batch_size: 1,
    parallel_workers: 1,
    backup_location: join(folder, 'backups'),
    state_location: join(folder, 'migrations'),
  };
  const config = { storage: storage(), migration, backup: { location: join(folder, 'backups') } };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
});
afterEach(async () => {
  server?.kill('SIGKILL');
  await settled();
  await rm(folder, { recursive: true, force: true });
});

async function serve(): Promise<void> {
  const args = [launcher, '--config', join(folder, 'config.json'), 'serve', '--port', String(port)];
  server = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' });
  const isUp = () =>
    call('GET', '/v1/health')
      .then(({ status }) => status === 200)
      .catch(() => false);
  while (!(await isUp())) await sleep(50);
}

async function stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const ended = once(server as ChildProcess, 'exit');
  server?.kill(signal);
  await ended;
  server = undefined;
}

/** Waits until no process holds a migration's lock: jobs may outlive the server. */
async function settled(): Promise<void> {
  const { RunLock } = await import('../../lib/transfer/run-lock.ts');
  const names = await readdir(join(folder, 'migrations')).catch(() => []);
  for (const name of names.filter((each) => each.endsWith('.lock'))) {
    while (RunLock.isHeld(join(folder, 'migrations'), name.slice(0, -'.lock'.length))) await sleep(50);
  }
}

const call = (method: string, path: string, body?: Body): Promise<Reply> =>
  callServer(port, method, path, body === undefined ? {} : { body });

async function fill(count: number): Promise<void> {
  await using repository = await openRepository({ storage: storage() });
  for (let at = 0; at < count; at += 1000) {
    const ids = Array.from({ length: Math.min(1000, count - at) }, (_, i) => `t-${at + i}`);
    await repository.saveEntities(
      'templates',
      ids.map((id) => ({ ...template(), template_id: id }) as never),
    );
  }
}

async function until(path: string, done: (body: Body) => boolean): Promise<Body> {
  for (;;) {
    const { body } = await call('GET', path);
    if (done(body)) return body;
    await sleep(50);
  }
}

const body = { migration_id: 'm-1', source_type: 'json', target_type: 'sqlite' };

test('a migration is started once, followed, and listed', async () => {
  await fill(20);
  await serve();
  const [first, second] = await Promise.all([
    call('POST', '/v1/migrations', body),
    call('POST', '/v1/migrations', body),
  ]);
  expect([first.status, second.status]).toEqual([202, 202]);
  expect(first.headers.get('location')).toBe('/v1/migrations/m-1');
  expect(first.body).toMatchObject({ id: 'm-1', state: 'running' });
  const other = await call('POST', '/v1/migrations', { ...body, batch_size: 7 });
  expect(other).toMatchObject({ status: 409, body: { type: 'urn:hostfactory:problem:request_differs' } });
  const ended = await until('/v1/migrations/m-1', ({ state }) => state !== 'running');
  expect(ended).toMatchObject({
    state: 'succeeded',
    collections: { templates: { read: 20, copied: 20, skipped: 0, total: 20 } },
    backup: expect.stringContaining('backups'),
  });
  const again = await call('POST', '/v1/migrations', body);
  expect(again).toMatchObject({ status: 202, body: { state: 'succeeded' } });
  // The target is no longer empty: the next one starts, and fails.
  const failing = await call('POST', '/v1/migrations', { source_type: 'json', target_type: 'sqlite' });
  const { failure } = await until(`/v1/migrations/${failing.body.id}`, ({ state }) => state === 'failed');
  expect(failure).toContain('is not empty');
  const { items } = (await call('GET', '/v1/migrations')).body as { items: Body[] };
  expect(items.map(({ id, state }) => [id, state])).toEqual([
    [failing.body.id, 'failed'],
    ['m-1', 'succeeded'],
  ]);
  expect(await call('GET', '/v1/migrations/m-2')).toMatchObject({ status: 404 });
});

test.each(['SIGTERM', 'SIGKILL'] as const)('a migration survives a restart of the server (%s)', async (signal) => {
  await fill(3_000);
  await serve();
  await call('POST', '/v1/migrations', { ...body, create_backup: false });
  await until(
    '/v1/migrations/m-1',
    ({ collections }) => (collections as { templates: { copied: number } }).templates.copied > 20,
  );
  const busy = await call('POST', '/v1/migrations', { source_type: 'json', target_type: 'sqlite', merge: true });
  expect(busy).toMatchObject({ status: 409, body: { type: 'urn:hostfactory:problem:migration_running' } });
  await stop(signal);
  await serve();
  const ended = await until('/v1/migrations/m-1', ({ state }) => state !== 'running' && state !== 'interrupted');
  expect(ended).toMatchObject({
    state: 'succeeded',
    collections: { templates: { read: 3000, copied: 3000, total: 3000 } },
  });
});

test('hfstorage --remote migrateRepository starts it and follows it', async () => {
  await fill(20);
  await serve();
  const remote = ['--remote', `http://127.0.0.1:${port}`, 'migrateRepository'];
  const args = [launcher, ...remote, '--source-type', 'json', '--target-type', 'sqlite'];
  const done = await run(process.execPath, [...args, '--no-backup'], { cwd: folder });
  expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/^templates +20 +20 +0 +0$/m) });
  const failed = await run(process.execPath, args, { cwd: folder });
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('is not empty') });
  const same = await run(process.execPath, [...args.slice(0, -1), 'json'], { cwd: folder });
  expect(same).toMatchObject({ code: 1, stderr: expect.stringContaining('same store') });
  expect(await run(process.execPath, [...args, '--dry-run'], { cwd: folder })).toMatchObject({ code: 2 });
});

test('an entity that a migration leaves out is a difference that names it', async () => {
  await mkdir(join(folder, 'data'));
  const broken = { template_id: 'a', name: 'n', provider_api: 'R', max_number: 1 };
  const records = { templates: { a: broken }, requests: {}, machines: {} };
  await writeFile(join(folder, 'data', 'request_database.json'), JSON.stringify(records));
  await serve();
  await call('POST', '/v1/migrations', { ...body, on_invalid: 'skip' });
  expect(await until('/v1/migrations/m-1', ({ state }) => state !== 'running')).toMatchObject({
    state: 'differences',
    differences: { missing: 1, different: 0, newer: 0, extra: 0 },
    differing: [{ collection: 'templates', id: 'a', kind: 'missing' }],
  });
  const remote = ['--remote', `http://127.0.0.1:${port}`, 'migrateRepository', '--source-type', 'json'];
  const args = [launcher, ...remote, '--target-type', 'sqlite', '--on-invalid', 'skip'];
  expect(await run(process.execPath, args, { cwd: folder })).toMatchObject({
    code: 3,
    stdout: expect.stringMatching(/The stores differ: 1 missing\.\ntemplates "a": missing\n$/),
  });
  expect(await run(process.execPath, [...args, '--no-validate'], { cwd: folder })).toMatchObject({
    code: 3,
    stdout: expect.stringContaining('The stores were not compared.'),
  });
});

test('a backup is taken once, and listed', async () => {
  await fill(3);
  await serve();
  const started = await call('POST', '/v1/backups', { backup_id: 'nightly-1' });
  expect(started).toMatchObject({ status: 202, body: { id: 'nightly-1', state: 'running' } });
  const find = (body: Body) => (body.items as Body[]).find(({ id }) => id === 'nightly-1');
  const { items } = await until('/v1/backups', (body) => find(body)?.state !== 'running');
  expect(items).toEqual([
    expect.objectContaining({
      id: 'nightly-1',
      state: 'complete',
      consistent: true,
      entities: { templates: 3, requests: 0, machines: 0 },
    }),
  ]);
  expect(await call('POST', '/v1/backups', { backup_id: 'nightly-1' })).toMatchObject({ body: { state: 'complete' } });
});

const states = (body: Body) => (body.items as Body[]).map(({ state }) => state);

test('of 40 concurrent backup calls one starts a backup, and the others name it', async () => {
  await fill(3);
  await serve();
  const replies = await Promise.all(Array.from({ length: 40 }, () => call('POST', '/v1/backups')));
  const [first, ...more] = replies.filter(({ status }) => status === 202);
  expect([first?.body.state, more]).toEqual(['running', []]);
  for (const reply of replies.filter(({ status }) => status !== 202)) {
    const detail = `The backup ${JSON.stringify(first?.body.id)} is running. Wait until it has ended.`;
    expect(reply).toMatchObject({ status: 409, body: { type: 'urn:hostfactory:problem:backup_running', detail } });
  }
  const again = await call('POST', '/v1/backups', { backup_id: first?.body.id });
  expect(again).toMatchObject({ status: 202, body: { id: first?.body.id } });
  await until('/v1/backups', (body) => states(body).every((state) => state === 'complete'));
  expect((await call('POST', '/v1/backups')).status).toBe(202);
  const { items } = await until('/v1/backups', (body) => states(body).every((state) => state === 'complete'));
  expect(items).toHaveLength(2);
}, 60_000);

test('two servers on one folder run one job of a kind at a time', async () => {
  await fill(3_000);
  await serve();
  const first = { server, port };
  port = await freePort();
  try {
    await serve();
    const post = (at: number, path: string, body?: Body) =>
      callServer(at, 'POST', path, body === undefined ? {} : { body });
    const backups = await Promise.all([first.port, port].map((at) => post(at, '/v1/backups')));
    expect(backups.map(({ status }) => status).sort()).toEqual([202, 409]);
    const slow = { source_type: 'json', target_type: 'sqlite', create_backup: false };
    const migrations = await Promise.all([first.port, port].map((at) => post(at, '/v1/migrations', slow)));
    expect(migrations.map(({ status }) => status).sort()).toEqual([202, 409]);
    const refused = [...backups, ...migrations].filter(({ status }) => status === 409);
    expect(refused.map(({ body }) => body.type)).toEqual([
      'urn:hostfactory:problem:backup_running',
      'urn:hostfactory:problem:migration_running',
    ]);
  } finally {
    const ended = once(first.server as ChildProcess, 'exit');
    first.server?.kill('SIGTERM');
    await ended;
  }
}, 60_000);

test('interrupted backups are taken one after the other', async () => {
  await fill(3);
  await mkdir(join(folder, 'migrations'));
  for (const id of ['b-1', 'b-2', 'b-3']) {
    const request = { id, requested_at: '2026-11-22T10:00:00.000Z' };
    await writeFile(join(folder, 'migrations', `${id}.backup.json`), JSON.stringify(request));
  }
  await serve();
  let most = 0;
  await until('/v1/backups', (body) => {
    most = Math.max(most, states(body).filter((state) => state === 'running').length);
    return states(body).every((state) => state === 'complete');
  });
  expect(most).toBe(1);
}, 60_000);

test('a migration to another target also waits', async () => {
  await fill(3_000);
  await serve();
  await call('POST', '/v1/migrations', { ...body, create_backup: false });
  const config = { storage: { ...storage(), sql_strategy: { name: join(folder, 'other.db') } } };
  await writeFile(join(folder, 'other.json'), JSON.stringify(config));
  const other = { source_type: 'json', target_type: 'sqlite', target_config: 'other.json', migration_id: 'm-2' };
  const detail = 'The migration "m-1" is running. Wait until it has ended.';
  expect(await call('POST', '/v1/migrations', other)).toMatchObject({ status: 409, body: { detail } });
  expect(await call('GET', '/v1/migrations/m-2')).toMatchObject({ status: 404 });
  // A backup is another kind; it may have the same id.
  const backup = await call('POST', '/v1/backups', { backup_id: 'm-1' });
  expect(backup).toMatchObject({ status: 202, body: { id: 'm-1', state: 'running' } });
  await until('/v1/migrations/m-1', ({ state }) => state === 'succeeded');
  expect(await call('POST', '/v1/migrations', other)).toMatchObject({ status: 202, body: { id: 'm-2' } });
  await until('/v1/backups', (body) => states(body).every((state) => state === 'complete'));
}, 60_000);

test.each<[string, Body]>([
  ['an unknown type', { source_type: 'mongodb', target_type: 'sql' }],
  [
    'a folder in the name of a configuration',
    { source_type: 'json', target_type: 'sql', target_config: '../other.json' },
  ],
  ['an unknown field', { source_type: 'json', target_type: 'sql', passwrd: 'x' }],
  ['an id with a slash', { ...body, migration_id: '../x' }],
  ['a batch of none', { ...body, batch_size: 0 }],
])('%s is refused', async (_, body) => {
  await serve();
  expect(await call('POST', '/v1/migrations', body)).toMatchObject({ status: 400 });
  expect((await call('GET', '/v1/migrations')).body).toEqual({ items: [] });
});

test('a job that cannot start says why', async () => {
  await serve();
  const same = await call('POST', '/v1/migrations', { source_type: 'json', target_type: 'json' });
  expect(same).toMatchObject({ status: 409, body: { detail: expect.stringContaining('same store') } });
  const missing = await call('POST', '/v1/migrations', { ...body, target_config: 'nowhere.json' });
  expect(missing).toMatchObject({ status: 409, body: { detail: expect.stringContaining('"nowhere.json"') } });
});
