/** A backup that was cut off is never taken for a good one. */
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createBackup } from '../../lib/backup/create-backup.ts';
import { findBackup } from '../../lib/backup/find-backup.ts';
import { listBackups } from '../../lib/backup/list-backups.ts';
import { createNativeBackup, listNativeBackups, NATIVE_MARK } from '../../lib/backup/native-backups.ts';
import { planPruneOf, pruneBackups } from '../../lib/backup/prune-backups.ts';
import { verifyBackup } from '../../lib/backup/read-backup.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { openLocation } from '../../lib/objects/open-location.ts';
import { BackupError } from '../../lib/repository/errors.ts';
import { copyNatively } from '../../lib/strategies/native-backup.ts';
import { run } from '../cli/run-hfstorage.ts';
import { rejection } from '../contract/rejection.ts';
import { type OpenStore, type StoreFactory, stores } from '../contract/stores.ts';
import { awkwardEntities, loadAll } from '../migration/awkward-entities.ts';
import { mountDisk, onOwnDisk } from '../migration/own-disk.ts';
import { type BackupFolder, backUp, newFolder } from './locations.ts';

const sqlite = stores.find(({ name }) => name === 'sqlite') as StoreFactory;
const NOTHING = { keep_last: 0, keep_daily: 0, keep_weekly: 0, keep_monthly: 0 };
const HOUR_MS = 3_600_000;
const later = (hours: number): Date => new Date(Date.now() + hours * HOUR_MS);

let folder: BackupFolder;
let store: OpenStore;
beforeEach(async () => {
  folder = await newFolder();
  store = await sqlite.open();
  await loadAll(store.strategy, awkwardEntities(300));
});
afterEach(async () => {
  await store.close();
  await folder[Symbol.asyncDispose]();
});

const PROGRAM = join(import.meta.dirname, 'backup-process.ts');
/** @returns whether the process was killed before its end */
async function killedAfter(files: number, id: string, kind = 'portable'): Promise<boolean> {
  const args = [PROGRAM, JSON.stringify(store.config), folder.path, String(files), id, kind];
  const { code, stderr } = await run(process.execPath, args);
  expect(stderr).toBe('');
  return code === null;
}

test('killed before each of its files in turn: not complete, removed after a day, and begun again with its id', async () => {
  // Three parts and the manifest.
  for (let files = 0; files < 4; files++) expect(await killedAfter(files, `killed-${files}`)).toBe(true);
  const listed = await listBackups(folder.location);
  expect(listed.map(({ id, state }) => [id, state]).sort()).toEqual(
    [1, 2, 3].map((files) => [`killed-${files}`, 'incomplete']),
  );
  expect((await rejection(findBackup(folder.location, 'latest'))).message).toContain('there is no complete backup');
  expect((await rejection(findBackup(folder.location, 'killed-2'))).message).toContain('it was cut off');
  const manifest = await backUp(store.strategy, folder.location, 'killed-2');
  await verifyBackup(folder.location, manifest);
  expect(await killedAfter(9, 'killed-2')).toBe(false);
  expect(await findBackup(folder.location, 'latest')).toEqual(manifest);
  expect((await planPruneOf(folder.location, NOTHING, later(23))).remove).toEqual([]);
  const { remove } = await pruneBackups(folder.location, NOTHING, later(25));
  expect(remove.map(({ id }) => id).sort()).toEqual(['killed-1', 'killed-3']);
  expect((await readdir(folder.path)).sort()).toEqual(['killed-2']);
});

test('a native one as well', async () => {
  for (let files = 1; files < 2; files++) expect(await killedAfter(files, 'native-killed', 'native')).toBe(true);
  expect(await readdir(join(folder.path, 'native-killed'))).toEqual(expect.arrayContaining(['store.db', NATIVE_MARK]));
  expect(await listNativeBackups(folder.location)).toMatchObject([{ id: 'native-killed', state: 'incomplete' }]);
  expect(await killedAfter(9, 'native-killed', 'native')).toBe(false);
  expect(await listNativeBackups(folder.location)).toMatchObject([{ id: 'native-killed', state: 'complete' }]);
  expect(await killedAfter(1, 'native-other', 'native')).toBe(true);
  await pruneBackups(folder.location, NOTHING, later(25));
  expect(await readdir(folder.path)).toEqual(['native-killed']);
});

test('one that is aborted leaves nothing behind', async () => {
  const stop = new AbortController();
  const backup = createBackup(store.strategy, {
    location: folder.location,
    place: 'the store of a test',
    signal: stop.signal,
    progress: (collection) => collection === 'machines' && stop.abort(new Error('stopped by the test')),
  });
  await expect(backup).rejects.toThrow('stopped by the test');
  expect(await readdir(folder.path)).toEqual([]);
});

test('an id that cannot be one, or that something else has, touches nothing', async () => {
  for (const id of ['', 'latest', '../up', 'a/b', '.hidden', 'x'.repeat(101)]) {
    const error = await rejection(backUp(store.strategy, folder.location, id));
    expect(error.message).toMatch(/cannot be the id of a backup: use up to 100 letters, digits, - and _\.$/);
  }
  await mkdir(join(folder.path, 'mine'));
  await writeFile(join(folder.path, 'mine', 'letter.txt'), 'Dear all');
  const copy = (place: string, id: string) => copyNatively(parseConfig(store.config), { folder: place, id });
  const native = { location: folder.location, store: 'sqlite', place: 'the store of a test', id: 'mine', copy };
  for (const backup of [() => backUp(store.strategy, folder.location, 'mine'), () => createNativeBackup(native)]) {
    expect((await rejection(backup())).message).toContain('that is not a backup: choose another id');
  }
  expect(await readdir(folder.path, { recursive: true })).toEqual(['mine', join('mine', 'letter.txt')]);
});

test('what others keep in the same folder is neither listed nor removed', async () => {
  const files = [
    'notes.txt',
    'lost+found/inode',
    '.snapshot/backup/manifest.json',
    'web/manifest.json',
    'logs/2026/machines-00001.ndjson.gz',
    'dumps/hostfactory.dump',
  ];
  for (const file of files) {
    await mkdir(join(folder.path, file, '..'), { recursive: true });
    await writeFile(join(folder.path, file), '{"name":"somebody else"}');
    await utimes(join(folder.path, file), 0, 0);
  }
  const { id } = await backUp(store.strategy, folder.location);
  expect((await listBackups(folder.location)).map((backup) => backup.id)).toEqual([id]);
  expect(await listNativeBackups(folder.location)).toEqual([]);
  await pruneBackups(folder.location, NOTHING, later(1000));
  for (const file of files) expect(await readdir(join(folder.path, file, '..'))).not.toEqual([]);
});

onOwnDisk('a disk of its own (needs root on Linux)', () => {
  test('a full one is named, nothing is left there, and the next backup works once there is room', async () => {
    await using disk = await mountDisk(3);
    const location = await openLocation(join(disk.path, 'backups'));
    disk.fill();
    const error = await rejection(backUp(store.strategy, location));
    expect(error).toBeInstanceOf(BackupError);
    expect(error.message).toContain('The disk is full: free space, or choose another location.');
    const copy = (place: string, id: string) => copyNatively(parseConfig(store.config), { folder: place, id });
    const native = createNativeBackup({ location, store: 'sqlite', place: 'the store of a test', copy });
    expect((await rejection(native)).message).toContain('disk is full');
    expect(await readdir(disk.path, { recursive: true })).toEqual(
      expect.not.arrayContaining([expect.stringMatching(/ndjson|native|\.db/)]),
    );
    disk.free();
    const manifest = await backUp(store.strategy, location);
    await verifyBackup(location, manifest);
    disk.makeReadOnly();
    expect((await rejection(backUp(store.strategy, location))).message).toContain('The file system is read-only');
  });
});

describe('a location that cannot be used', () => {
  test('is named with what to do', async () => {
    await writeFile(join(folder.path, 'file'), '');
    const location = await openLocation(join(folder.path, 'file', 'backups'));
    for (const use of [() => backUp(store.strategy, location), () => listBackups(location)]) {
      const error = await rejection(use());
      expect(error).toBeInstanceOf(BackupError);
      expect(error.message).toContain('A part of the path is a file: choose another location.');
    }
  });
});
