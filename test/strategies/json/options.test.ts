import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { jsonStrategy } from '../../../lib/config/json-strategy.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { EntityTable } from '../../../lib/strategies/json/entity-table.ts';
import type { JournalFile } from '../../../lib/strategies/json/file-manager.ts';
import { JsonStorageStrategy } from '../../../lib/strategies/json/json-strategy.ts';
import { LocalFileManager } from '../../../lib/strategies/json/local-file-manager.ts';
import { ProcessLockManager } from '../../../lib/strategies/json/lock-manager.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-options-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The local disk with a record of every append and flush: a replacement of one component. */
class NotingFileManager extends LocalFileManager {
  readonly appends: boolean[] = [];
  flushes = 0;

  override journal(name: string): JournalFile {
    const file = super.journal(name);
    const append = file.append.bind(file);
    const sync = file.sync.bind(file);
    file.append = (bytes, position, durable) => {
      this.appends.push(durable);
      return append(bytes, position, durable);
    };
    file.sync = () => {
      this.flushes++;
      return sync();
    };
    return file;
  }
}

function openNoting(settings: object): { repository: StorageRepository; files: NotingFileManager } {
  const config = jsonStrategy.parse({ base_path: folder, ...settings });
  const files = new NotingFileManager(folder);
  return { files, repository: new StorageRepository(new JsonStorageStrategy(config, files, new ProcessLockManager())) };
}

const template = (id: string) => ({
  template_id: id,
  name: id,
  provider_api: 'RunInstances',
  vm_type: 't3.medium',
  max_number: 1,
});
const saveAll = (repository: StorageRepository, count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => repository.saveEntity('templates', template(`t-${i}`))));

test('sync_writes makes every save wait for the disk', async () => {
  const { repository, files } = openNoting({ sync_writes: true });
  for (const id of ['a', 'b', 'c']) await repository.saveEntity('templates', template(id));
  expect(files.appends).toEqual([true, true, true]);
  await repository.close();
});

test('without sync_writes no save waits, and all are flushed soon after', async () => {
  const { repository, files } = openNoting({ sync_writes: false });
  for (const id of ['a', 'b', 'c']) await repository.saveEntity('templates', template(id));
  expect(files.appends).toEqual([false, false, false]);
  for (let i = 0; i < 100 && files.flushes === 0; i++) await sleep(50);
  expect(files.flushes).toBe(1);
  await repository.close();
  expect(JSON.parse(await readFile(join(folder, 'request_database.json'), 'utf8')).templates).toHaveProperty('c');
});

test('concurrent saves share appends, up to write_buffer_size', async () => {
  const large = openNoting({ write_buffer_size: 64_000 });
  await saveAll(large.repository, 64);
  // The first is on its own or with those that arrive at once; all others fit into the second.
  expect(large.files.appends.length).toBeLessThanOrEqual(2);
  await large.repository.close();

  const small = openNoting({ write_buffer_size: 1000 });
  await saveAll(small.repository, 64);
  expect(small.files.appends.length).toBeGreaterThan(10);
  expect(small.files.appends.length).toBeLessThan(64);
  await small.repository.close();
});

test.each([0, 3, 50_000])('cache_size %d changes nothing but memory', async (cache_size) => {
  const first = openNoting({ cache_size });
  await saveAll(first.repository, 20);
  await first.repository.updateEntity('templates', 't-7', { name: 'changed', max_number: 5 });
  await first.repository.deleteEntity('templates', 't-8');
  await first.repository.close();
  const second = openNoting({ cache_size });
  expect(await second.repository.countEntities('templates')).toEqual({ count: 19 });
  expect(await second.repository.getEntity('templates', 't-7')).toMatchObject({ name: 'changed', version: 2 });
  const { items } = await second.repository.queryEntities('templates', { filters: { max_number: { gt: 1 } } });
  expect(items.map(({ template_id }) => template_id)).toEqual(['t-7']);
  await second.repository.close();
});

test('a table keeps the most recently used entities parsed, up to its cache size', () => {
  const table = new EntityTable('templates', 2);
  const parsed = () => table.capture().flatMap(([id, kept]) => (typeof kept === 'string' ? [] : [id]));
  for (const id of ['a', 'b', 'c', 'd']) table.put(id, { template_id: id, version: 1 });
  expect(parsed()).toEqual(['c', 'd']);
  expect(table.get('a')).toEqual({ template_id: 'a', version: 1 });
  expect(parsed().toSorted()).toEqual(['a', 'd']);
  table.delete('a');
  expect(table.size).toBe(3);
  expect([...table.entries()].map(([id]) => id)).toEqual(['b', 'c', 'd']);
});

test('enable_compression can be switched on and off over the same file', async () => {
  const contentStart = async () => [...(await readFile(join(folder, 'request_database.json'))).subarray(0, 2)];
  for (const enable_compression of [false, true, false]) {
    const { repository } = openNoting({ enable_compression });
    const count = (await repository.countEntities('templates')).count;
    await repository.saveEntity('templates', template(`t-${count}`));
    await repository.close();
    expect(await contentStart()).toEqual(enable_compression ? [0x1f, 0x8b] : [0x7b, 0x0a]);
  }
  const { repository } = openNoting({});
  expect(await repository.countEntities('templates')).toEqual({ count: 3 });
  await repository.close();
});
