/** Every byte that is lost or changed is found, before anything of it is restored. */
import { readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DamagedBackupError, NewerBackupError } from '../../lib/backup/damage.ts';
import { findBackup } from '../../lib/backup/find-backup.ts';
import { listBackups } from '../../lib/backup/list-backups.ts';
import type { BackupManifest, BackupPart } from '../../lib/backup/manifest.ts';
import { pruneBackups } from '../../lib/backup/prune-backups.ts';
import { verifyBackup } from '../../lib/backup/read-backup.ts';
import { sealedText } from '../../lib/backup/sealed-json.ts';
import { rejection } from '../contract/rejection.ts';
import { type OpenStore, type StoreFactory, stores } from '../contract/stores.ts';
import { awkwardEntities, loadAll } from '../migration/awkward-entities.ts';
import { type BackupFolder, backUp, contentOf, newFolder, restore } from './locations.ts';

const sqlite = stores.find(({ name }) => name === 'sqlite') as StoreFactory;

let folder: BackupFolder;
let store: OpenStore;
let manifest: BackupManifest;
beforeEach(async () => {
  folder = await newFolder();
  store = await sqlite.open();
  await loadAll(store.strategy, awkwardEntities(400));
  manifest = await backUp(store.strategy, folder.location);
});
afterEach(async () => {
  await store.close();
  await folder[Symbol.asyncDispose]();
});

const pathOf = (...names: string[]): string => join(folder.path, manifest.id, ...names);

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  const i = Math.floor((bytes.length - 1) * at);
  bytes[i] = (bytes[i] as number) ^ 0x10;
  await writeFile(path, bytes);
}

/** It can be listed by its size, but nothing of it is used. */
async function expectRefused(): Promise<void> {
  expect(await rejection(verifyBackup(folder.location, manifest))).toBeInstanceOf(DamagedBackupError);
  await using target = await sqlite.open();
  expect(await rejection(restore(target.strategy, { location: folder.location, manifest }))).toBeInstanceOf(
    DamagedBackupError,
  );
  expect(await contentOf(target.strategy)).toEqual([]);
}

describe('a flipped bit in a part', () => {
  test.each([0, 0.1, 0.5, 0.9, 1])('at %d of its length', async (at) => {
    for (const file of (await readdir(pathOf())).filter((name) => name.endsWith('.gz'))) {
      const sound = await readFile(pathOf(file));
      await flip(pathOf(file), at);
      await expectRefused();
      await writeFile(pathOf(file), sound);
    }
    await verifyBackup(folder.location, manifest);
  });
});

test('a truncated part, and a missing one, are damage that the list shows', async () => {
  const part = manifest.collections.machines.parts[0] as BackupPart;
  await truncate(pathOf(part.file), part.bytes - 1);
  await expectRefused();
  expect(await listBackups(folder.location)).toMatchObject([
    {
      state: 'damaged',
      reason: `${manifest.id} is damaged: ${part.file} has ${part.bytes - 1} bytes, not ${part.bytes}.`,
    },
  ]);
  await rm(pathOf(part.file));
  await expectRefused();
  expect(await listBackups(folder.location)).toMatchObject([
    { state: 'damaged', reason: `${manifest.id} is damaged: ${part.file} is missing.` },
  ]);
  expect(await rejection(findBackup(folder.location, manifest.id))).toBeInstanceOf(DamagedBackupError);
  expect((await rejection(findBackup(folder.location, 'latest'))).message).toMatch(
    /^There is no backup "latest" in .*; there is no complete backup\.$/,
  );
  expect(await pruneBackups(folder.location, { keep_last: 0, keep_daily: 0, keep_weekly: 0, keep_monthly: 0 })).toEqual(
    {
      keep: [expect.objectContaining({ id: manifest.id })],
      remove: [],
    },
  );
});

test('parts that were exchanged', async () => {
  const machines = manifest.collections.machines.parts[0] as BackupPart;
  const requests = manifest.collections.requests.parts[0] as BackupPart;
  await rename(pathOf(machines.file), pathOf('aside'));
  await rename(pathOf(requests.file), pathOf(machines.file));
  await rename(pathOf('aside'), pathOf(requests.file));
  await expectRefused();
});

test.each<[string, (text: string) => string]>([
  ['another count', (text) => text.replace('"entities": 40', '"entities": 41')],
  ['no JSON', (text) => text.slice(0, -20)],
  ['without a checksum', (text) => text.replace(/,\s*"checksum": "\w+"/, '')],
  ['nothing', () => ''],
  ['another thing, with its own checksum', () => sealedText({ format: 'hostfactory-backup', format_version: 1 })],
])('an edited manifest: %s', async (_, edit) => {
  const text = await readFile(pathOf('manifest.json'), 'utf8');
  expect(edit(text)).not.toBe(text);
  await writeFile(pathOf('manifest.json'), edit(text));
  const [listed] = await listBackups(folder.location);
  expect(listed).toMatchObject({ id: manifest.id, state: 'damaged', reason: expect.stringContaining('is damaged') });
});

test.each(['format_version', 'schema_version'] as const)(
  'of a newer %s: neither used nor called damaged',
  async (field) => {
    const { checksum: _, ...content } = manifest;
    await writeFile(pathOf('manifest.json'), sealedText({ ...content, [field]: 2, more: 'that is not known yet' }));
    expect(await listBackups(folder.location)).toMatchObject([{ state: 'newer' }]);
    const error = await rejection(findBackup(folder.location, manifest.id));
    expect(error).toBeInstanceOf(NewerBackupError);
    expect(error.message).toContain('was written by a newer version of this program. Restore it with that version.');
  },
);

test('a folder that was renamed says so', async () => {
  await rename(pathOf(), join(folder.path, 'before-the-upgrade'));
  expect(await listBackups(folder.location)).toMatchObject([
    { state: 'damaged', reason: `before-the-upgrade was renamed: give it its name ${manifest.id} again.` },
  ]);
});
