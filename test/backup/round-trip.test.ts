/** A backup of every store comes back as it was, in that store and in others. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { listBackups } from '../../lib/backup/list-backups.ts';
import { verifyBackup } from '../../lib/backup/read-backup.ts';
import type { Entity } from '../../lib/model/entities.ts';
import { onEveryStore, testIfCapable } from '../contract/on-every-store.ts';
import { type StoreFactory, stores } from '../contract/stores.ts';
import { awkwardEntities, loadAll } from '../migration/awkward-entities.ts';
import { backUp, contentOf, newFolder, restore } from './locations.ts';

const ENTITIES = 300;

onEveryStore((_, factory) => {
  test('every awkward id, value, version and time comes back into an empty store, byte for byte', async () => {
    await using folder = await newFolder();
    await using source = await factory.open();
    await loadAll(source.strategy, awkwardEntities(ENTITIES));
    const manifest = await backUp(source.strategy, folder.location);
    expect(manifest.consistent).toBe(factory.capabilities.snapshotReads);
    const counts = Object.values(manifest.collections).map(({ entities }) => entities);
    expect(counts.reduce((sum, count) => sum + count)).toBe(ENTITIES);
    await verifyBackup(folder.location, manifest);
    await using target = await factory.open();
    const report = await restore(target.strategy, { location: folder.location, manifest });
    expect(report).toMatchObject({ totals: { kept: 0, skipped: 0 }, missingIds: [] });
    const content = await contentOf(target.strategy);
    expect(content).toEqual(await contentOf(source.strategy));
    await target.reopen();
    expect(await contentOf(target.strategy)).toEqual(content);
    const again = await restore(target.strategy, { location: folder.location, manifest });
    expect(Object.values(again.collections).map(({ restored }) => restored)).toEqual([0, 0, 0]);
  });

  test('an empty store has a backup too', async () => {
    await using folder = await newFolder();
    await using source = await factory.open();
    const manifest = await backUp(source.strategy, folder.location);
    expect(await readdir(join(folder.path, manifest.id))).toEqual(['manifest.json']);
    expect(await listBackups(folder.location)).toMatchObject([{ id: manifest.id, state: 'complete' }]);
    await verifyBackup(folder.location, manifest);
    await restore(source.strategy, { location: folder.location, manifest });
    expect(await contentOf(source.strategy)).toEqual([]);
  });

  const testInvalid = testIfCapable(factory.capabilities.loadsInvalidRecords, 'the store holds no such record');
  testInvalid('records that break the rules of the model are in the backup as they are', async () => {
    await using folder = await newFolder();
    await using source = await factory.open();
    const records: Entity[] = [
      { template_id: 'without', version: 1 },
      { template_id: 'wrong', name: 5, provider_api: [], vm_type: 'x'.repeat(99), max_number: 'ten', version: 3 },
    ];
    await source.strategy.load('templates', records);
    await source.strategy.load('machines', [{ machine_id: 'orphan', request_id: 'nowhere', version: 2 }]);
    const manifest = await backUp(source.strategy, folder.location);
    await using target = await factory.open();
    await restore(target.strategy, { location: folder.location, manifest });
    expect(await contentOf(target.strategy)).toEqual(await contentOf(source.strategy));
    expect(await contentOf(target.strategy)).toHaveLength(3);
  });
});

const named = (name: string): StoreFactory => stores.find((factory) => factory.name === name) as StoreFactory;

test.each([
  ['json single file', 'sqlite'],
  ['sqlite', 'postgresql'],
  ['postgresql', 'dynamodb'],
  ['dynamodb', 'json split files'],
])('a backup of %s is restored into %s', async (from, to) => {
  await using folder = await newFolder();
  await using source = await named(from).open();
  await loadAll(source.strategy, awkwardEntities(200));
  const manifest = await backUp(source.strategy, folder.location);
  await using target = await named(to).open();
  await restore(target.strategy, { location: folder.location, manifest });
  expect(await contentOf(target.strategy)).toEqual(await contentOf(source.strategy));
});

test('other programs can read a backup: lines of JSON, compressed with gzip', async () => {
  await using folder = await newFolder();
  await using source = await named('sqlite').open();
  await loadAll(source.strategy, awkwardEntities(200));
  const { id, collections } = await backUp(source.strategy, folder.location);
  const text = await Promise.all(
    collections.machines.parts.map(async ({ file }) =>
      gunzipSync(await readFile(join(folder.path, id, file))).toString(),
    ),
  );
  const lines = text.join('').trimEnd().split('\n');
  expect(lines).toHaveLength(collections.machines.entities);
  const expected = (await contentOf(source.strategy)).filter((line) => line.startsWith('machines '));
  expect(lines.map((line) => `machines ${line}`).sort()).toEqual(expected);
});
