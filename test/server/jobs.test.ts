/** Migrations and backups over HTTP, on a server as started by `hfstorage serve`. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { orderBackup } from '../../lib/backup/backup-order.ts';
import { openLocation } from '../../lib/objects/open-location.ts';
import { freePort } from '../backends/kept-process.ts';
import { launcher, run } from '../cli/run-hfstorage.ts';
import { JobServer } from './job-server.ts';
import { type Body, callServer, type Reply } from './running-api.ts';

let server: JobServer;
beforeEach(async () => {
  server = await JobServer.create();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const serve = (): Promise<void> => server.serve();
const fill = (count: number): Promise<void> => server.fill(count);
const call = (method: string, path: string, body?: Body): Promise<Reply> => server.call(method, path, body);

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
  expect(first.body).toMatchObject({ id: 'm-1', state: expect.stringMatching(/^(running|waiting)$/) });
  const other = await call('POST', '/v1/migrations', { ...body, batch_size: 7 });
  expect(other).toMatchObject({ status: 409, body: { type: 'urn:hostfactory:problem:request_differs' } });
  const ended = await until('/v1/migrations/m-1', ({ state }) => state !== 'running' && state !== 'waiting');
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
  const next = { source_type: 'json', target_type: 'sqlite', merge: true, create_backup: false, migration_id: 'm-2' };
  expect(await call('POST', '/v1/migrations', next)).toMatchObject({ status: 202, body: { state: 'waiting' } });
  await server.stop(signal);
  await serve();
  const isActive = ({ state }: Body) => ['running', 'waiting', 'interrupted'].includes(state as string);
  const ended = await until('/v1/migrations/m-1', (body) => {
    return !isActive(body);
  });
  // It was ordered later, and waits until the first has ended, also after the restart.
  const second = await until('/v1/migrations/m-2', (body) => !isActive(body));
  expect(second).toMatchObject({ state: 'succeeded', collections: { templates: { read: 3000, copied: 0 } } });
  expect(Date.parse(String(second.updated_at))).toBeGreaterThan(Date.parse(String(ended.updated_at)));
  expect(ended).toMatchObject({
    state: 'succeeded',
    collections: { templates: { read: 3000, copied: 3000, total: 3000 } },
  });
});

test('hfstorage --remote migrateRepository starts it and follows it', async () => {
  await fill(20);
  await serve();
  const remote = ['--remote', `http://127.0.0.1:${server.port}`, 'migrateRepository'];
  const args = [launcher, ...remote, '--source-type', 'json', '--target-type', 'sqlite'];
  const done = await run(process.execPath, [...args, '--no-backup'], { cwd: server.folder });
  expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/^templates +20 +20 +0 +0$/m) });
  const failed = await run(process.execPath, args, { cwd: server.folder });
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('is not empty') });
  const same = await run(process.execPath, [...args.slice(0, -1), 'json'], { cwd: server.folder });
  expect(same).toMatchObject({ code: 1, stderr: expect.stringContaining('same store') });
  expect(await run(process.execPath, [...args, '--dry-run'], { cwd: server.folder })).toMatchObject({ code: 2 });
});

test('an entity that a migration leaves out is a difference that names it', async () => {
  await mkdir(join(server.folder, 'data'));
  const broken = { template_id: 'a', name: 'n', provider_api: 'R', max_number: 1 };
  const records = { templates: { a: broken }, requests: {}, machines: {} };
  await writeFile(join(server.folder, 'data', 'request_database.json'), JSON.stringify(records));
  await serve();
  await call('POST', '/v1/migrations', { ...body, on_invalid: 'skip' });
  expect(await until('/v1/migrations/m-1', ({ state }) => state !== 'running' && state !== 'waiting')).toMatchObject({
    state: 'differences',
    differences: { missing: 1, different: 0, newer: 0, extra: 0 },
    differing: [{ collection: 'templates', id: 'a', kind: 'missing' }],
  });
  const remote = ['--remote', `http://127.0.0.1:${server.port}`, 'migrateRepository', '--source-type', 'json'];
  const args = [launcher, ...remote, '--target-type', 'sqlite', '--on-invalid', 'skip'];
  expect(await run(process.execPath, args, { cwd: server.folder })).toMatchObject({
    code: 3,
    stdout: expect.stringMatching(/The stores differ: 1 missing\.\ntemplates "a": missing\n$/),
  });
  expect(await run(process.execPath, [...args, '--no-validate'], { cwd: server.folder })).toMatchObject({
    code: 3,
    stdout: expect.stringContaining('The stores were not compared.'),
  });
});

test('a backup is taken once, and listed', async () => {
  await fill(3);
  await serve();
  const started = await call('POST', '/v1/backups', { backup_id: 'nightly-1' });
  expect(started).toMatchObject({
    status: 202,
    body: { id: 'nightly-1', state: expect.stringMatching(/^(running|waiting)$/) },
  });
  const find = (body: Body) => (body.items as Body[]).find(({ id }) => id === 'nightly-1');
  const { items } = await until('/v1/backups', (body) => !['running', 'waiting'].includes(String(find(body)?.state)));
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

test('of eight backups ordered at once one runs, and the others wait', async () => {
  await fill(3);
  await serve();
  const replies = await Promise.all(Array.from({ length: 8 }, () => call('POST', '/v1/backups')));
  expect(replies.map(({ status, body }) => [status, body.state]).sort()).toEqual([
    [202, 'running'],
    ...Array.from({ length: 7 }, () => [202, 'waiting']),
  ]);
  const [first] = replies;
  const again = await call('POST', '/v1/backups', { backup_id: first?.body.id });
  expect(again).toMatchObject({ status: 202, body: { id: first?.body.id } });
  let most = 0;
  const { items } = await until('/v1/backups', (body) => {
    most = Math.max(most, states(body).filter((state) => state === 'running').length);
    return states(body).every((state) => state === 'complete');
  });
  expect([most, (items as Body[]).length]).toEqual([1, 8]);
});

test('two servers on one folder run one job of a kind at a time', async () => {
  await fill(3_000);
  await serve();
  const first = server.process as ChildProcess;
  const ports = [server.port, await freePort()];
  server.port = ports[1] as number;
  try {
    await serve();
    const post = (at: number, path: string, body?: Body) =>
      callServer(at, 'POST', path, body === undefined ? {} : { body });
    const backups = await Promise.all(ports.map((at) => post(at, '/v1/backups')));
    expect(backups.map(({ status }) => status)).toEqual([202, 202]);
    const slow = { source_type: 'json', target_type: 'sqlite', create_backup: false, merge: true };
    const ids = ['m-1', 'm-2'];
    const migrations = await Promise.all(
      ports.map((at, i) => post(at, '/v1/migrations', { ...slow, migration_id: ids[i] })),
    );
    expect(migrations.map(({ status }) => status)).toEqual([202, 202]);
    // Both servers see both jobs, and never two that run.
    let most = 0;
    await until('/v1/migrations', (body) => {
      most = Math.max(most, states(body).filter((state) => state === 'running').length);
      return states(body).every((state) => state === 'succeeded');
    });
    expect(most).toBe(1);
    await until('/v1/backups', (body) => states(body).every((state) => state === 'complete'));
  } finally {
    const ended = once(first, 'exit');
    first.kill('SIGTERM');
    await ended;
  }
}, 60_000);

test('interrupted backups are taken one after the other', async () => {
  await fill(3);
  const location = await openLocation(server.stateFolder);
  for (const id of ['b-1', 'b-2', 'b-3']) await orderBackup(location, id);
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
  const config = { storage: { ...server.storage, sql_strategy: { name: join(server.folder, 'other.db') } } };
  await writeFile(join(server.folder, 'other.json'), JSON.stringify(config));
  const other = { source_type: 'json', target_type: 'sqlite', target_config: 'other.json', migration_id: 'm-2' };
  expect(await call('POST', '/v1/migrations', other)).toMatchObject({ status: 202, body: { state: 'waiting' } });
  // A backup is another kind; it may have the same id.
  const backup = await call('POST', '/v1/backups', { backup_id: 'm-1' });
  expect(backup).toMatchObject({ status: 202, body: { id: 'm-1', state: 'running' } });
  await until('/v1/migrations/m-2', ({ state }) => state === 'succeeded');
  expect((await call('GET', '/v1/migrations/m-1')).body).toMatchObject({ state: 'succeeded' });
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
