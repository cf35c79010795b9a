import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isRunning, MigrationLog, migrationIds, readMigration, segmentKey } from '../../lib/migration/migration-log.ts';
import type { MigrationPlan } from '../../lib/migration/migration-settings.ts';
import { settingsOf } from '../../lib/migration/migration-settings.ts';
import { newFolder, optionsOf } from './migrating.ts';

const ID = 'migration-20261122T100000Z-1a2b3c';
let folder: Awaited<ReturnType<typeof newFolder>>;
let path: string;
beforeEach(async () => {
  folder = await newFolder();
  path = join(folder.path, `${ID}.ndjson`);
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

const json = { config: { storage: { strategy: 'json' as const } } };
const plan: MigrationPlan = {
  source: { type: 'json', place: 'json /a' },
  target: { type: 'sqlite', place: 'sqlite /b' },
  settings: settingsOf(optionsOf(json, json, '/tmp').config.migration),
  origin: 'command',
};
const create = (id = ID): MigrationLog => MigrationLog.create(folder.path, id, plan);
const checkpoint = (cursor: string | undefined, read = 10) =>
  ({ event: 'checkpoint', collection: 'machines', segment: 1, cursor, read, copied: read - 1, skipped: 1 }) as const;

/** The log of a migration that was killed after two checkpoints. */
function killed(): void {
  const log = create();
  log.add({ event: 'checked', totals: { templates: 1, requests: 2, machines: 30 }, segments: 2 });
  log.add(checkpoint('a'));
  log.add(checkpoint('b'));
  log.close();
}

describe('the log of a migration', () => {
  test('says what was done, while it is written and afterwards', () => {
    const log = create();
    log.add({ event: 'checked', totals: { templates: 1, requests: 2, machines: 30 }, segments: 2 });
    log.add({ event: 'backed_up', backup: 'backups/x' });
    log.add(checkpoint('a'));
    log.add(checkpoint('b', 5));
    const written = readMigration(folder.path, ID);
    expect(written).toMatchObject({
      id: ID,
      plan,
      segments: 2,
      backup: 'backups/x',
      collections: { templates: { read: 0, total: 1 }, machines: { read: 15, copied: 13, skipped: 2, total: 30 } },
    });
    expect(written.progress).toEqual(new Map([[segmentKey('machines', 1), { done: false, cursor: 'b' }]]));
    log.add(checkpoint(undefined, 0));
    log.add({ event: 'failed', message: 'The disk is full.' });
    expect(readMigration(folder.path, ID)).toMatchObject({ failure: 'The disk is full.' });
    expect(readMigration(folder.path, ID).progress.get('machines 1')).toEqual({ done: true });
    // Times of the lines are those of the disk, a moment after those in memory.
    expect({ ...readMigration(folder.path, ID), startedAt: '', updatedAt: '' }).toEqual({
      ...log.state,
      startedAt: '',
      updatedAt: '',
    });
    log.close();
    MigrationLog.resume(folder.path, ID).close();
    expect(readMigration(folder.path, ID).failure).toBeUndefined();
  });

  test('a last line that was cut off is dropped, wherever it was cut', async () => {
    killed();
    const whole = await readFile(path);
    const lastLine = whole.lastIndexOf('\n', whole.length - 2) + 1;
    for (const length of [lastLine, lastLine + 1, Math.floor((lastLine + whole.length) / 2), whole.length - 1]) {
      await writeFile(path, whole);
      await truncate(path, length);
      expect(readMigration(folder.path, ID).progress.get('machines 1')).toEqual({ done: false, cursor: 'a' });
      const log = MigrationLog.resume(folder.path, ID);
      log.add(checkpoint('c'));
      log.close();
      expect(readMigration(folder.path, ID)).toMatchObject({ collections: { machines: { read: 20 } } });
      expect(readMigration(folder.path, ID).progress.get('machines 1')).toEqual({ done: false, cursor: 'c' });
    }
  });

  test.each([
    ['is no JSON', (text: string) => text.replace('"cursor":"a"', '"cursor":"a')],
    ['is not UTF-8', (text: string) => text.replace('"cursor":"a"', '"cursor":"\u00e4"')],
    ['was overwritten', (text: string) => text.replace(/\n.*"a".*\n/, `\n${'\0'.repeat(80)}\n`)],
  ])('a line in the middle that %s: an error that says how to go on', async (_, damage) => {
    killed();
    await writeFile(path, damage(await readFile(path, 'latin1')), 'latin1');
    for (const reading of [() => readMigration(folder.path, ID), () => MigrationLog.resume(folder.path, ID)]) {
      expect(reading).toThrow(`The log of the migration ${ID} is damaged. Begin a new one with --merge`);
    }
  });

  test('an empty log, or one whose first line was cut off, is an error that says what to do', async () => {
    create().close();
    await truncate(path, 10);
    expect(() => readMigration(folder.path, ID)).toThrow('is empty. Begin a new migration.');
  });

  test.each(['../escaped', 'a/b', '', '.', 'a\0b', 'a b', 'migration\n'])('the id %j is none', (id) => {
    expect(() => create(id)).toThrow('cannot be written');
    expect(() => readMigration(folder.path, id)).toThrow('There is no migration');
    expect(() => MigrationLog.resume(folder.path, id)).toThrow('There is no migration');
  });

  test('an id that is taken is refused, and the log of the other stays whole', async () => {
    killed();
    const before = await readFile(path, 'utf8');
    expect(() => create()).toThrow(/cannot be written to .*EEXIST/);
    expect(await readFile(path, 'utf8')).toBe(before);
    // Nobody holds it: the refusal has let go of the lock.
    expect(isRunning(folder.path, ID)).toBe(false);
  });

  test('nobody goes on with a migration that runs', () => {
    const log = create();
    expect(isRunning(folder.path, ID)).toBe(true);
    expect(() => MigrationLog.resume(folder.path, ID)).toThrow(`The migration ${ID} is running in another process.`);
    log.close();
    log.close();
    expect(isRunning(folder.path, ID)).toBe(false);
    MigrationLog.resume(folder.path, ID).close();
  });

  test('the migrations of a folder, the oldest first, and no other files', async () => {
    for (const id of ['migration-2', 'migration-1']) create(id).close();
    await appendFile(join(folder.path, 'notes.txt'), '');
    expect(await migrationIds(folder.path)).toEqual(['migration-1', 'migration-2']);
    expect(await migrationIds(join(folder.path, 'nowhere'))).toEqual([]);
    await expect(migrationIds(join(folder.path, 'notes.txt'))).rejects.toThrow(/cannot be listed: .*ENOTDIR/);
  });
});
