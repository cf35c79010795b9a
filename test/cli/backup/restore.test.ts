/** `hfstorage backup restore`. */
import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { backup, create, onSqlite, part, place, useWorkplace } from './backup-workplace.ts';

useWorkplace();

describe('restore', () => {
  test('into an empty store of another kind; repeated, it changes nothing', async () => {
    const id = await create();
    const first = await onSqlite('backup', 'restore', 'latest');
    expect(first).toMatchObject({
      code: 0,
      stdout:
        'collection  in the backup  written\ntemplates   5              5\nrequests    0              0\nmachines    0              0\n',
    });
    expect(first.stderr).toContain(`Restored ${id} into sqlite ${place().path('store.db')}, read back and compared.\n`);
    const again = JSON.parse((await onSqlite('backup', 'restore', id, '--json')).stdout);
    expect(again).toMatchObject({
      backup: id,
      target: `sqlite ${place().path('store.db')}`,
      collections: { templates: { entities: 5, restored: 0 } },
      totals: { kept: 0, skipped: 0 },
      missing_ids: [],
    });
  });

  test('keeps newer entities and exits with 3; --overwrite needs --yes without a terminal', async () => {
    const id = await create();
    await place().hfstorage(['update', 'templates', 'test-template-1', '--set', 'name=Newer']);
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
    const { stdout } = await place().hfstorage(['get', 'templates', 'test-template-1', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'test-template-1', version: 1 });
    expect((await onSqlite('backup', 'restore', id, '--overwrite')).code).toBe(0);
  });

  test('of one collection and some ids; ids that are not in the backup are named, with exit code 3', async () => {
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

  test('incompatible records stop it, or are left out and named', async () => {
    const file = place().path('data', 'request_database.json');
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

  test('latest skips newer damaged backups, and says so', async () => {
    const [sound, damaged] = [await create(), await create()];
    await writeFile(part(damaged), 'x');
    const { code, stderr } = await onSqlite('backup', 'restore', 'latest');
    expect(code).toBe(0);
    expect(stderr).toContain(`${damaged} was skipped: it is damaged.\n`);
    expect(stderr).toContain(`Restored ${sound} into`);
    expect((await onSqlite('backup', 'restore', damaged)).code).toBe(1);
  });
});
