/** `hfstorage migrateRepository`: options, output and exit codes. The migration itself: test/migration. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { migrationIds, readPlan } from '../../lib/migration/plan.ts';
import { readRecord } from '../../lib/migration/record.ts';
import { openLocation } from '../../lib/objects/open-location.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';
import { launcher, type Outcome, Workplace } from './run-hfstorage.ts';

let place: Workplace;
beforeEach(async () => {
  place = await Workplace.create();
  await configure({});
});
afterEach(async () => {
  await place.remove();
});

/** A configuration with a JSON store and a SQLite file in the workplace. */
const configure = (migration: object, name = 'config.json'): Promise<void> =>
  writeFile(
    place.path(name),
    JSON.stringify({
      storage: {
        strategy: 'json',
        json_strategy: { base_path: place.path('data') },
        sql_strategy: { name: place.path('store.db') },
      },
      migration: { backup_location: place.path('backups'), state_location: place.path('migrations'), ...migration },
    }),
  );

const template = (id: string) => ({
  template_id: id,
  name: 'One',
  provider_api: 'RunInstances',
  vm_type: 'a',
  max_number: 5,
});

const save = (...ids: string[]) => place.hfstorage(['save', 'templates', JSON.stringify(ids.map(template))]);
const migrate = (...args: string[]): Promise<Outcome> => place.hfstorage(['migrateRepository', ...args]);
const TO_SQLITE = ['--source-type', 'json', '--target-type', 'sqlite'] as const;

/** The content of a store of the configuration. */
async function held(strategy: 'json' | 'sql'): Promise<string[]> {
  const { storage } = JSON.parse(await readFile(place.path('config.json'), 'utf8'));
  await using repository = await openRepository({ storage: { ...storage, strategy } });
  const { items } = await repository.queryEntities('templates', { orderBy: 'template_id' });
  return items.map(({ template_id }) => template_id);
}

describe('what it does', () => {
  test('copies, compares, and prints the result; programs get the report', async () => {
    await save('t-1', 't-2');
    const people = await migrate(...TO_SQLITE);
    expect(people).toMatchObject({ code: 0, stdout: expect.stringContaining('Both stores hold the same entities.') });
    expect(people.stderr).toContain('copy templates: 2 of 2');
    expect(await held('sql')).toEqual(['t-1', 't-2']);
    const programs = await migrate(...TO_SQLITE, '--merge', '--json', '--no-backup');
    expect(JSON.parse(programs.stdout)).toMatchObject({
      outcome: 'succeeded',
      collections: { templates: { read: 2, copied: 0, skipped: 0, total: 2 } },
      validation: { templates: 2, differences: { missing: 0, different: 0, newer: 0, extra: 0 } },
    });
    expect(await readdir(place.path('backups'))).toHaveLength(1);
  });

  test('an empty source is questioned', async () => {
    expect((await migrate(...TO_SQLITE)).stderr).toContain('Is it the right store?');
  });

  test('--dry-run writes no entity and exits with 3 if entities are incompatible', async () => {
    await save('t-1');
    const sound = await migrate(...TO_SQLITE, '--dry-run');
    expect(sound).toMatchObject({ code: 0, stdout: expect.stringMatching(/^templates +1 +0$/m) });
    await place.hfstorage(['doctor']);
    const file = place.path('data', 'request_database.json');
    const content = JSON.parse(await readFile(file, 'utf8'));
    content.templates['t-1'].vm_type = 'x'.repeat(51);
    await writeFile(file, JSON.stringify(content));
    const broken = await migrate(...TO_SQLITE, '--dry-run');
    expect(broken).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('templates "t-1": vm_type must have at most'),
    });
    const refused = await migrate(...TO_SQLITE);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('--on-invalid skip') });
    expect(await held('sql')).toEqual([]);
    const skipped = await migrate(...TO_SQLITE, '--on-invalid', 'skip');
    expect(skipped).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('1 difference: 1 missing in the target'),
      stderr: expect.stringContaining('1 entities do not fit'),
    });
    expect(skipped.stdout).toContain('templates "t-1": missing');
    const compared = await migrate(...TO_SQLITE, '--verify-only');
    expect(compared).toMatchObject({ code: 3, stdout: expect.stringContaining('templates "t-1": missing') });
    const blind = await migrate(...TO_SQLITE, '--on-invalid', 'skip', '--no-validate', '--json');
    expect(blind.code).toBe(3);
    expect(JSON.parse(blind.stdout)).toMatchObject({ outcome: 'differences' });
  });

  test('--verify-only compares, writes nothing, and exits with 3 if the stores differ', async () => {
    await save('t-1', 't-2');
    const differing = await migrate(...TO_SQLITE, '--verify-only');
    expect(differing).toMatchObject({ code: 3, stdout: expect.stringContaining('templates "t-2": missing') });
    expect(await held('sql')).toEqual([]);
    await migrate(...TO_SQLITE);
    expect(await migrate(...TO_SQLITE, '--verify-only')).toMatchObject({ code: 0 });
  });

  test('extra entities in the target are differences, and deleted on request', async () => {
    await save('t-1', 't-2');
    await migrate(...TO_SQLITE);
    await place.hfstorage(['delete', 'templates', 't-2']);
    const left = await migrate(...TO_SQLITE, '--merge', '--json');
    expect(left.code).toBe(3);
    expect(JSON.parse(left.stdout)).toMatchObject({
      outcome: 'differences',
      validation: { differences: { extra: 1 } },
    });
    expect(await migrate(...TO_SQLITE, '--merge', '--delete-extra')).toMatchObject({ code: 0 });
    expect(await held('sql')).toEqual(['t-1']);
  });

  test('the source is cleaned up only after confirmation', async () => {
    await save('t-1');
    const refused = await migrate(...TO_SQLITE, '--cleanup-source');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(await held('json')).toEqual(['t-1']);
    expect(await migrate(...TO_SQLITE, '--cleanup-source', '--yes')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Deleted from the source: 1.'),
    });
    expect(await held('json')).toEqual([]);
    expect(await held('sql')).toEqual(['t-1']);
  });

  test('every key of the configuration is used, and options override it', async () => {
    await save('t-1', 't-2', 't-3');
    await configure({ batch_size: 1, create_backup: false, validate_after_migration: false, parallel_workers: 1 });
    const { stdout } = await migrate(...TO_SQLITE);
    expect(stdout).toContain('The stores were not compared.');
    expect(stdout).not.toContain('Backup');
    const states = await openLocation(place.path('migrations'));
    const [id = ''] = await migrationIds(states);
    expect((await readPlan(states, id)).settings).toMatchObject({
      batch_size: 1,
      parallel_workers: 1,
      create_backup: false,
      validate_after_migration: false,
    });
    await configure({ cleanup_source: true });
    expect(await migrate(...TO_SQLITE, '--merge')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(await migrate(...TO_SQLITE, '--merge', '--yes', '--no-validate')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('only cleaned up after both stores were compared'),
    });
  });

  test('two configurations of one type', async () => {
    await save('t-1');
    await migrate(...TO_SQLITE);
    const storage = { strategy: 'sql', sql_strategy: { name: place.path('other.db') } };
    await writeFile(place.path('other.json'), JSON.stringify({ storage }));
    const sides = ['--source-type', 'sqlite', '--target-type', 'sql', '--target-config', place.path('other.json')];
    expect(await migrate(...sides)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^templates +1 +1/m) });
    expect(await migrate(...sides, '--verify-only')).toMatchObject({ code: 0 });
  });
});

describe('what it refuses', () => {
  test.each<readonly [string, readonly string[], number, RegExp]>([
    ['no types', [], 2, /Give --source-type and --target-type/],
    ['an unknown type', ['--source-type', 'jsn', '--target-type', 'sql'], 2, /Allowed choices are json, sql/],
    ['the same store', ['--source-type', 'json', '--target-type', 'json'], 1, /are the same store/],
    ['a type that is not configured', ['--source-type', 'json', '--target-type', 'postgresql'], 1, /--target-config/],
    ['an unknown migration', ['--resume', 'nothing'], 1, /There is no migration "nothing"/],
    ['settings for a migration that continues', ['--resume', 'm', '--batch-size', '7'], 2, /as it was ordered/],
    ['a path for a migration', ['--resume', '../config'], 1, /There is no migration/],
    ['a batch of none', [...TO_SQLITE, '--batch-size', '0'], 2, /from 1 to 1000/],
    ['two rehearsals', [...TO_SQLITE, '--dry-run', '--verify-only'], 2, /not both/],
    ['a missing configuration', [...TO_SQLITE, '--target-config', 'nowhere.json'], 1, /nowhere.json cannot be read/],
  ])('%s', async (_, args, code, message) => {
    const outcome = await migrate(...args);
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr).not.toMatch(/\n\s+at /);
  });

  test('a target that is not empty', async () => {
    await save('t-1');
    await migrate(...TO_SQLITE);
    const outcome = await migrate(...TO_SQLITE);
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is not empty: it holds templates.*--merge/),
    });
  });
});

test('Ctrl-C ends after the batches in progress, and --resume continues', async () => {
  for (let i = 0; i < 20; i++) await save(...Array.from({ length: 500 }, (_, k) => `t-${i}-${k}`));
  const args = ['--config', 'config.json', 'migrateRepository', ...TO_SQLITE, '--batch-size', '1', '--no-backup'];
  const child = spawn(process.execPath, [launcher, ...args], { cwd: place.folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const stderr = text(child.stderr);
  const states = await openLocation(place.path('migrations'));
  const copied = async (): Promise<number> => {
    const [id] = await migrationIds(states);
    return id === undefined ? 0 : ((await readRecord(states, id))?.collections.templates.copied ?? 0);
  };
  while ((await copied()) < 100) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  const [, id = ''] = /--resume (migration-\S+)/.exec(await stderr) ?? [];
  const resumed = await migrate('--resume', id, '--json');
  expect(resumed.code).toBe(0);
  const report = JSON.parse(resumed.stdout);
  expect(report.collections.templates).toEqual({ read: 10_000, copied: 10_000, skipped: 0, total: 10_000 });
  expect(await migrate('--resume', id)).toMatchObject({ code: 1, stderr: expect.stringContaining('is finished') });
});
