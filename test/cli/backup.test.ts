/** `hfstorage backup`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openRepository } from '../../lib/strategies/open-repository.ts';
import { RunLock } from '../../lib/transfer/run-lock.ts';
import { awkwardEntities, loadAll } from '../migration/awkward-entities.ts';
import { launcher, sampleFile, Workplace } from './run-hfstorage.ts';

let place: Workplace;
let started: ChildProcess[];
beforeEach(async () => {
  place = await Workplace.create();
  started = [];
  const config = JSON.parse(await readFile(place.path('config.json'), 'utf8'));
  const sections = {
    backup: { location: place.path('backups') },
    migration: { state_location: place.path('migrations') },
  };
  await writeFile(place.path('config.json'), JSON.stringify({ ...config, ...sections }));
  await place.hfstorage(['import', sampleFile]);
});
afterEach(async () => {
  for (const child of started) child.kill('SIGKILL');
  await place.remove();
});

const backup = (...args: string[]) => place.hfstorage(['backup', ...args]);
async function json(...args: string[]) {
  const { code, stdout, stderr } = await backup(...args, '--json');
  return { code, stderr, value: stdout === '' ? undefined : JSON.parse(stdout) };
}
const create = async (...args: string[]): Promise<string> => (await json('create', ...args)).value.id;
const part = (id: string) => place.path('backups', id, 'templates-00001.ndjson.gz');

/** Writes the configuration of another store beside, and runs `hfstorage` on it. */
async function onSqlite(...args: string[]) {
  const storage = { strategy: 'sql', sql_strategy: { name: place.path('store.db') } };
  const config = { storage, backup: { location: place.path('backups') } };
  await writeFile(place.path('sqlite.json'), JSON.stringify(config));
  return place.hfstorage([...args, '--config', place.path('sqlite.json')]);
}

describe('create', () => {
  test('says where the backup is and what is in it', async () => {
    const { code, stdout, stderr } = await backup('create');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^back up templates: 5 of 5 in \d+ s\n$/),
    });
    expect(stdout).toMatch(/backups\/backup-\d{8}T\d{6}Z-\w{6}: 5 templates, 0 requests, 0 machines, 1\.\d KB\.\n$/);
    expect((await json('create')).value).toMatchObject({
      id: expect.stringMatching(/^backup-/),
      kind: 'portable',
      location: place.path('backups'),
      source: { store: 'json', place: `json ${place.path('data', 'request_database.json')}` },
      consistent: true,
      entities: { templates: 5, requests: 0, machines: 0 },
    });
  });

  test('at another location', async () => {
    const id = await create('--location', place.path('elsewhere'));
    expect(await readdir(place.path('elsewhere', id))).toEqual(
      expect.arrayContaining(['manifest.json', 'templates-00001.ndjson.gz']),
    );
    expect((await json('list')).value.backups).toEqual([]);
  });

  test('of an empty store asks whether it is the right one', async () => {
    const { code, stderr } = await onSqlite('backup', 'create');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `The store is empty: sqlite ${place.path('store.db')}. Is it the right one?\n`,
    });
  });

  test('with an id, as the server gives it: once, and not in two processes', async () => {
    expect(await create('--id', 'job-1')).toBe('job-1');
    const again = await json('create', '--id', 'job-1');
    expect(again).toMatchObject({ code: 0, value: { id: 'job-1' } });
    using _lock = RunLock.take(place.path('migrations'), 'backup-job-2');
    expect(await json('create', '--id', 'job-2')).toEqual({
      code: 1,
      stderr: 'hfstorage: Another process is taking the backup job-2. Wait until it has finished.\n',
      value: undefined,
    });
    expect(await json('create', '--id', '../x')).toMatchObject({ code: 1 });
    expect((await backup('create', '--help')).stdout).not.toContain('--id');
  });

  test('natively, to files that are listed and verified', async () => {
    const native = await json('create', '--native');
    expect(native).toMatchObject({ code: 0, value: { kind: 'native', consistent: true } });
    const { id } = native.value;
    expect((await json('list')).value.backups).toMatchObject([{ id, kind: 'native', state: 'complete' }]);
    expect((await backup('verify', id)).stdout).toBe(`${id} is sound: request_database.json.\n`);
    const refused = await backup('restore', id);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${id} is a native backup, which the store's own`),
    });
    await writeFile(place.path('backups', id, 'request_database.json'), '{}');
    expect((await json('list')).value.backups).toMatchObject([{ id, kind: 'native', state: 'damaged' }]);
    expect((await backup('verify', id)).code).toBe(3);
    const people = await onSqlite('backup', 'create', '--native');
    expect(people).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no database') });
  });

  test('a location that cannot be used is named', async () => {
    await writeFile(place.path('file'), '');
    const { code, stderr } = await backup('create', '--location', place.path('file', 'x'), '--json');
    expect(code).toBe(1);
    expect(stderr).toContain('A part of the path is a file: choose another location.');
  });
});

test('list shows the oldest first, and what is wrong with each', async () => {
  expect(await backup('list')).toEqual({
    code: 0,
    stdout: '',
    stderr: `There are no backups in ${place.path('backups')}.\n`,
  });
  const [first, second] = [await create(), await create()];
  await writeFile(part(second), 'x');
  await mkdir(place.path('backups', 'cut-off'));
  await writeFile(place.path('backups', 'cut-off', 'machines-00001.ndjson.gz'), '');
  const { code, stdout, stderr } = await backup('list');
  const lines = stdout.trimEnd().split('\n');
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/^backup +taken +kind +state +size +templates +requests +machines +consistent$/);
  expect(lines[1]).toMatch(new RegExp(`^${first} +2026-.* +portable json +complete +\\d.* KB +5 +0 +0 +yes$`));
  expect(stdout).toMatch(new RegExp(`${second} .* damaged`));
  expect(stdout).toMatch(/cut-off .* incomplete/);
  expect(stderr).toContain(`${second}: ${second} is damaged: templates-00001.ndjson.gz has 1 bytes, not`);
  expect(stderr).toContain('cut-off: It has no manifest: it was cut off, or is being written.\n');
});

test('verify: 0 where a backup is sound, 3 where it is damaged, 1 where there is none', async () => {
  const id = await create();
  expect(await backup('verify', 'latest')).toMatchObject({
    code: 0,
    stdout: `${id} is sound: 5 templates, 0 requests, 0 machines.\n`,
  });
  expect(await json('verify', id)).toMatchObject({ code: 0, value: { id, ok: true, entities: { templates: 5 } } });
  const bytes = await readFile(part(id));
  bytes[100] = (bytes[100] as number) ^ 1;
  await writeFile(part(id), bytes);
  expect(await backup('verify', id)).toMatchObject({
    code: 3,
    stdout: '',
    stderr: expect.stringMatching(
      /^hfstorage: The backup .* is damaged: templates-00001\.ndjson\.gz .*\. Choose another one\.\n$/m,
    ),
  });
  expect(await json('verify', 'latest')).toMatchObject({ code: 3, value: { ok: false, reason: expect.any(String) } });
  const missing = await backup('verify', 'yesterday');
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no backup "yesterday" in') });
});

describe('restore', () => {
  test('into an empty store of another kind; repeated, it changes nothing', async () => {
    const id = await create();
    const first = await onSqlite('backup', 'restore', 'latest');
    expect(first).toMatchObject({
      code: 0,
      stdout:
        'collection  in the backup  written\ntemplates   5              5\nrequests    0              0\nmachines    0              0\n',
    });
    expect(first.stderr).toContain(`Restored ${id} into sqlite ${place.path('store.db')}, read back and compared.\n`);
    const again = JSON.parse((await onSqlite('backup', 'restore', id, '--json')).stdout);
    expect(again).toMatchObject({
      backup: id,
      target: `sqlite ${place.path('store.db')}`,
      collections: { templates: { entities: 5, restored: 0 } },
      totals: { kept: 0, skipped: 0 },
      missing_ids: [],
    });
  });

  test('keeps what is newer, and says so with exit code 3; --overwrite needs --yes without a terminal', async () => {
    const id = await create();
    await place.hfstorage(['update', 'templates', 'test-template-1', '--set', 'name=Newer']);
    const kept = await backup('restore', id);
    expect(kept.code).toBe(3);
    expect(kept.stderr).toContain(
      'templates "test-template-1" differs in the store and was kept (--overwrite replaces it).\n',
    );
    expect(await backup('restore', id, '--overwrite')).toMatchObject({
      code: 2,
      stderr: 'hfstorage: --overwrite of a store that holds entities needs --yes if there is no terminal to ask on.\n',
    });
    expect((await backup('restore', id, '--overwrite', '--yes')).code).toBe(0);
    const { stdout } = await place.hfstorage(['get', 'templates', 'test-template-1', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'test-template-1', version: 1 });
    expect((await onSqlite('backup', 'restore', id, '--overwrite')).code).toBe(0);
  });

  test('of one collection and some ids; one that is not in the backup is named, with exit code 3', async () => {
    await create();
    const some = ['--collection', 'templates', '--ids', 'test-template-1,test-template-2', '--id', 'a,b'];
    const restored = await onSqlite('backup', 'restore', 'latest', ...some, '--json');
    expect(restored.code).toBe(3);
    expect(JSON.parse(restored.stdout)).toMatchObject({
      collections: { templates: { entities: 2, restored: 2 } },
      missing_ids: ['a,b'],
    });
    expect((await onSqlite('count', 'templates')).stdout).toBe('2\n');
    for (const wrong of [
      ['--id', 'x'],
      ['--collection', 'templates', '--collection', 'requests', '--ids', 'x'],
    ]) {
      expect(await backup('restore', 'latest', ...wrong)).toMatchObject({
        code: 2,
        stderr: 'hfstorage: --id and --ids need one --collection.\n',
      });
    }
    expect((await backup('restore', 'latest', '--collection', 'template')).stderr).toContain(
      '(Did you mean templates?)',
    );
  });

  test('records that do not fit stop it, or are left out and named', async () => {
    const file = place.path('data', 'request_database.json');
    const content = JSON.parse(await readFile(file, 'utf8'));
    content.templates.broken = { template_id: 'broken', name: 'No limit' };
    await writeFile(file, JSON.stringify(content));
    await create();
    const failed = await onSqlite('backup', 'restore', 'latest');
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('such as templates "broken": provider_api'),
    });
    expect((await onSqlite('count', 'templates')).stdout).toBe('0\n');
    const skipped = await onSqlite('backup', 'restore', 'latest', '--on-invalid', 'skip');
    expect(skipped.code).toBe(3);
    expect(skipped.stderr).toMatch(/templates "broken" \(provider_api .*\) was left out\.\n/);
    expect((await onSqlite('count', 'templates')).stdout).toBe('5\n');
  });

  test('latest passes over newer ones that are damaged, and says so', async () => {
    const [sound, damaged] = [await create(), await create()];
    await writeFile(part(damaged), 'x');
    const { code, stderr } = await onSqlite('backup', 'restore', 'latest');
    expect(code).toBe(0);
    expect(stderr).toContain(`${damaged} was skipped: it is damaged.\n`);
    expect(stderr).toContain(`Restored ${sound} into`);
    expect((await onSqlite('backup', 'restore', damaged)).code).toBe(1);
  });
});

test('prune keeps what the configuration or the options say, and only says so with --dry-run', async () => {
  const ids = [await create(), await create(), await create()];
  expect((await json('prune')).value).toMatchObject({ dry_run: false, removed: [], kept: ids });
  const few = ['--keep-last', '1', '--keep-daily', '0', '--keep-weekly', '0', '--keep-monthly', '0'];
  expect(await backup('prune', '--dry-run', ...few)).toEqual({
    code: 0,
    stdout: `${ids[0]}\n${ids[1]}\n`,
    stderr: '2 backups would be removed, 1 kept.\n',
  });
  expect((await readdir(place.path('backups'))).length).toBe(3);
  expect((await backup('prune', ...few)).stderr).toBe('2 backups removed, 1 kept.\n');
  expect(await readdir(place.path('backups'))).toEqual([ids[2]]);
  expect((await backup('prune', '--keep-last', 'two')).code).toBe(2);
});

test('through a service there are no backups: the option is refused', async () => {
  const { code, stderr } = await place.spawnHfs(['backup', 'list', '--remote', 'http://127.0.0.1:9']);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'hfstorage: hfstorage backup list works on the store itself, not through a service: leave out --remote.\n',
  });
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s in the middle: nothing is left, exit code 1, one line',
  async (signal) => {
    const storage = { strategy: 'sql' as const, sql_strategy: { name: place.path('large.db') } };
    {
      await using repository = await openRepository({ storage });
      const { templates, requests, machines } = awkwardEntities(1_000);
      await loadAll(repository.strategy, { templates, requests });
      for (let i = 0; i < 60; i++) {
        const more = machines.map((machine, n) => ({ ...machine, machine_id: `m-${i}-${n}` }));
        await repository.strategy.load('machines', more);
      }
    }
    await writeFile(place.path('large.json'), JSON.stringify({ storage }));
    const child = spawn(process.execPath, [launcher, '--config', 'large.json', 'backup', 'create'], {
      cwd: place.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    const stderr = text(child.stderr);
    for (;;) {
      const parts = await readdir(place.path('backups'), { recursive: true }).catch((): string[] => []);
      if (parts.some((name) => name.endsWith('.ndjson.gz'))) break;
      expect(child.exitCode).toBeNull();
    }
    child.kill(signal);
    const [code] = await once(child, 'exit');
    const lines = (await stderr).trimEnd().split('\n');
    expect({ code, last: lines.at(-1) }).toEqual({
      code: 1,
      last: 'hfstorage: Interrupted. The incomplete backup is removed.',
    });
    expect(await readdir(place.path('backups'))).toEqual([]);
  },
);
