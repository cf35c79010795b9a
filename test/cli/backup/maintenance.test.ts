/** `hfstorage backup list`, `verify` and `prune`. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { backup, create, json, part, place, useWorkplace } from './backup-workplace.ts';

useWorkplace();

test('list shows backups oldest first, with their problems', async () => {
  expect(await backup('list')).toEqual({
    code: 0,
    stdout: '',
    stderr: `There are no backups in ${place().path('backups')}.\n`,
  });
  const [first, second] = [await create(), await create()];
  await writeFile(part(second), 'x');
  await mkdir(place().path('backups', 'cut-off'));
  await writeFile(place().path('backups', 'cut-off', 'machines-00001.ndjson.gz'), '');
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

test('verify exits with 0 if a backup is sound, 3 if it is damaged, 1 if there is none', async () => {
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

test('prune keeps backups by configuration or options, and only lists them with --dry-run', async () => {
  const ids = [await create(), await create(), await create()];
  expect((await json('prune')).value).toMatchObject({ dry_run: false, removed: [], kept: ids });
  const few = ['--keep-last', '1', '--keep-daily', '0', '--keep-weekly', '0', '--keep-monthly', '0'];
  expect(await backup('prune', '--dry-run', ...few)).toEqual({
    code: 0,
    stdout: `${ids[0]}\n${ids[1]}\n`,
    stderr: '2 backups would be removed, 1 kept.\n',
  });
  expect((await readdir(place().path('backups'))).length).toBe(3);
  expect((await backup('prune', ...few)).stderr).toBe('2 backups removed, 1 kept.\n');
  expect(await readdir(place().path('backups'))).toEqual([ids[2]]);
  expect((await backup('prune', '--keep-last', 'two')).code).toBe(2);
});

test('backups do not work through a service: the option is refused', async () => {
  const { code, stderr } = await place().spawnHfstorage(['backup', 'list', '--remote', 'http://127.0.0.1:9']);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'hfstorage: hfstorage backup list works on the store itself, not through a service: leave out --remote.\n',
  });
});
