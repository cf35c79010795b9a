/** What a restore leaves alone, what it refuses, and what it says of it. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { BackupManifest } from '../../lib/backup/manifest.ts';
import { BackupError } from '../../lib/repository/errors.ts';
import { rejection } from '../contract/rejection.ts';
import { machine, request, template } from '../contract/samples.ts';
import { type OpenStore, type StoreFactory, stores } from '../contract/stores.ts';
import { type BackupFolder, backUp, contentOf, newFolder, restore } from './locations.ts';

const named = (name: string): StoreFactory => stores.find((factory) => factory.name === name) as StoreFactory;

let folder: BackupFolder;
let source: OpenStore;
let manifest: BackupManifest;
beforeEach(async () => {
  folder = await newFolder();
  source = await named('json single file').open();
  const { repository } = source;
  for (const id of ['t-1', 't-2']) await repository.saveEntity('templates', template({ template_id: id }));
  const parent = await repository.saveEntity('requests', request('t-1', { request_id: 'r-1' }));
  for (const id of ['m-1', 'm-2', 'm-3']) await repository.saveEntity('machines', machine(parent, { machine_id: id }));
  manifest = await backUp(source.strategy, folder.location);
});
afterEach(async () => {
  await source.close();
  await folder[Symbol.asyncDispose]();
});

test('of one collection, and of some ids', async () => {
  await using target = await named('sqlite').open();
  const { location } = folder;
  const templates = await restore(target.strategy, { location, manifest, collections: ['templates'] });
  expect(templates.collections).toEqual({ templates: { entities: 2, restored: 2 } });
  await restore(target.strategy, { location, manifest, collections: ['requests'] });
  const report = await restore(target.strategy, {
    location,
    manifest,
    collections: ['machines'],
    ids: ['m-3', 'm-1', 'm-9'],
  });
  expect(report).toMatchObject({ collections: { machines: { entities: 2, restored: 2 } }, missingIds: ['m-9'] });
  expect((await target.repository.getEntities('machines', ['m-1', 'm-2', 'm-3'])).missing).toEqual(['m-2']);
});

test('a child without its parent is refused, and nothing is written', async () => {
  await using target = await named('sqlite').open();
  const error = await rejection(
    restore(target.strategy, { location: folder.location, manifest, collections: ['machines'] }),
  );
  expect(error).toBeInstanceOf(BackupError);
  expect(error.message).toMatch(/^3 of the records cannot be held by the sqlite store, such as machines "m-1": .*r-1/);
  expect(await contentOf(target.strategy)).toEqual([]);
});

test.each(['json single file', 'sqlite', 'postgresql', 'dynamodb'])(
  'over newer data of %s: kept and named, or replaced when told; what the backup does not have stays',
  async (name) => {
    const { location } = folder;
    await using target = await named(name).open();
    await restore(target.strategy, { location, manifest });
    const newer = await target.repository.updateEntity('machines', 'm-2', { status: 'NEWER' });
    await target.repository.saveEntity('machines', { ...newer, machine_id: 'm-4', version: 0 });
    await target.repository.deleteEntity('machines', 'm-3');
    const before = (await target.repository.getEntity('machines', 'm-2'))?.version;
    const kept = await restore(target.strategy, { location, manifest });
    expect(kept).toMatchObject({
      kept: [{ collection: 'machines', id: 'm-2' }],
      totals: { kept: 1, skipped: 0 },
      collections: { machines: { entities: 3, restored: 1 } },
    });
    expect(await target.repository.getEntity('machines', 'm-2')).toMatchObject({ status: 'NEWER', version: before });
    const over = await restore(target.strategy, { location, manifest, overwrite: true });
    expect(over.totals).toEqual({ kept: 0, skipped: 0 });
    const original = await source.repository.getEntity('machines', 'm-2');
    expect(await target.repository.getEntity('machines', 'm-2')).toEqual(original);
    expect(await target.repository.getEntity('machines', 'm-4')).toBeDefined();
  },
);

test('records that the store cannot hold stop it before anything is written, or are left out and named', async () => {
  await source.strategy.load('templates', [{ template_id: 't-bad', name: 'No limit', version: 1 }]);
  // A version of its own record lacks the template of its request, which the request has.
  await source.strategy.load('machines', [{ machine_id: 'm-old', request_id: 'r-1', status: 'OLD', version: 1 }]);
  const { location } = folder;
  const bad = await backUp(source.strategy, location);
  await using target = await named('sqlite').open();
  const error = await rejection(restore(target.strategy, { location, manifest: bad }));
  expect(error.message).toContain('1 of the records cannot be held by the sqlite store, such as templates "t-bad": ');
  expect(error.message).toContain('--on-invalid skip');
  expect(await contentOf(target.strategy)).toEqual([]);
  const report = await restore(target.strategy, { location, manifest: bad, onInvalid: 'skip' });
  expect(report).toMatchObject({ totals: { skipped: 1 }, skipped: [{ collection: 'templates', id: 't-bad' }] });
  expect(await target.repository.getEntity('machines', 'm-old')).toMatchObject({ template_id: 't-1' });
  const defaults = { templates: { provider_api: 'RunInstances', vm_type: 'any', max_number: 1 } };
  await using other = await named('sqlite').open();
  expect(await restore(other.strategy, { location, manifest: bad, defaults })).toMatchObject({
    totals: { skipped: 0 },
  });
  expect(await other.repository.getEntity('templates', 't-bad')).toMatchObject({ max_number: 1, version: 1 });
});

test('a restore that is stopped leaves whole entities, and the next one goes on', async () => {
  await using target = await named('postgresql').open();
  const { location } = folder;
  const stop = new AbortController();
  const stopped = restore(target.strategy, {
    location,
    manifest,
    signal: stop.signal,
    progress: (phase, collection) => {
      if (phase === 'restore' && collection === 'requests') stop.abort(new Error('stopped by the test'));
    },
  });
  await expect(stopped).rejects.toThrow('stopped by the test');
  expect(await target.repository.countEntities('machines')).toEqual({ count: 0 });
  expect(await target.repository.countEntities('templates')).toEqual({ count: 2 });
  await restore(target.strategy, { location, manifest });
  expect(await contentOf(target.strategy)).toEqual(await contentOf(source.strategy));
});
