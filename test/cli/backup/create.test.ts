/** `hfstorage backup create`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { takeJobLock } from '../../../lib/transfer/job-locks.ts';
import { awkwardEntities, loadAll } from '../../migration/awkward-entities.ts';
import { launcher } from '../run-hfstorage.ts';
import { backup, create, json, onSqlite, place, useWorkplace } from './backup-workplace.ts';

let started: ChildProcess | undefined;
afterEach(() => {
  started?.kill('SIGKILL');
});
// After the hook above, so that the process has ended when its folder is removed.
useWorkplace();

describe('create', () => {
  test('prints the location and the contents of the backup', async () => {
    const { code, stdout, stderr } = await backup('create');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^back up templates: 5 of 5 in \d+ s\n$/),
    });
    expect(stdout).toMatch(/backups\/backup-\d{8}T\d{6}Z-\w{6}: 5 templates, 0 requests, 0 machines, 1\.\d KB\.\n$/);
    expect((await json('create')).value).toMatchObject({
      id: expect.stringMatching(/^backup-/),
      kind: 'portable',
      location: place().path('backups'),
      source: { store: 'json', place: `json ${place().path('data', 'request_database.json')}` },
      consistent: true,
      entities: { templates: 5, requests: 0, machines: 0 },
    });
  });

  test('at another location', async () => {
    const id = await create('--location', place().path('elsewhere'));
    expect(await readdir(place().path('elsewhere', id))).toEqual(
      expect.arrayContaining(['manifest.json', 'templates-00001.ndjson.gz']),
    );
    expect((await json('list')).value.backups).toEqual([]);
  });

  test('of an empty store asks whether it is the right one', async () => {
    const { code, stderr } = await onSqlite('backup', 'create');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `The store is empty: sqlite ${place().path('store.db')}. Is it the right one?\n`,
    });
  });

  test('with an id from the server: only once, and not in two processes', async () => {
    expect(await create('--id', 'job-1')).toBe('job-1');
    const again = await json('create', '--id', 'job-1');
    expect(again).toMatchObject({ code: 0, value: { id: 'job-1' } });
    using _lock = takeJobLock(place().path('migrations'), 'backup', 'job-2');
    expect(await json('create', '--id', 'job-2')).toEqual({
      code: 1,
      stderr: 'hfstorage: The backup job-2 is running in another process: wait for it.\n',
      value: undefined,
    });
    expect(await json('create', '--id', '../x')).toMatchObject({ code: 1 });
    expect((await backup('create', '--help')).stdout).not.toContain('--id');
  });

  test('native backups are files that can be listed and verified', async () => {
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
    await writeFile(place().path('backups', id, 'request_database.json'), '{}');
    expect((await json('list')).value.backups).toMatchObject([{ id, kind: 'native', state: 'damaged' }]);
    expect((await backup('verify', id)).code).toBe(3);
    const people = await onSqlite('backup', 'create', '--native');
    expect(people).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no database') });
  });

  test('an unusable location is named', async () => {
    await writeFile(place().path('file'), '');
    const { code, stderr } = await backup('create', '--location', place().path('file', 'x'), '--json');
    expect(code).toBe(1);
    expect(stderr).toContain('A part of the path is a file: choose another location.');
  });
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s in the middle: nothing is left, exit code 1, one line',
  async (signal) => {
    const storage = { strategy: 'sql' as const, sql_strategy: { name: place().path('large.db') } };
    {
      await using repository = await openRepository({ storage });
      const { templates, requests, machines } = awkwardEntities(1_000);
      await loadAll(repository.strategy, { templates, requests });
      for (let i = 0; i < 60; i++) {
        const more = machines.map((machine, n) => ({ ...machine, machine_id: `m-${i}-${n}` }));
        await repository.strategy.load('machines', more);
      }
    }
    await writeFile(place().path('large.json'), JSON.stringify({ storage }));
    const child = spawn(process.execPath, [launcher, '--config', 'large.json', 'backup', 'create'], {
      cwd: place().folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started = child;
    const stderr = text(child.stderr);
    for (;;) {
      const parts = await readdir(place().path('backups'), { recursive: true }).catch((): string[] => []);
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
    expect(await readdir(place().path('backups'))).toEqual([]);
  },
);
