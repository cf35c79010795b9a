import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ConfigInput } from '../../../lib/config/configuration.ts';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import { copyNatively } from '../../../lib/strategies/native-backup.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { contentOf } from '../../backup/locations.ts';
import { rejection } from '../../contract/rejection.ts';
import { saveTemplate } from '../../contract/samples.ts';
import { type StoreFactory, stores } from '../../contract/stores.ts';
import { awkwardEntities, loadAll } from '../../migration/awkward-entities.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-json-backup-'));
  await mkdir(join(folder, 'backup'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const copy = (config: ConfigInput) => copyNatively(parseConfig(config), { folder: join(folder, 'backup'), id: 'x' });

const jsonStores = stores.filter(({ name }) => name.startsWith('json'));
test.each(jsonStores.map((factory): [string, StoreFactory] => [factory.name, factory]))(
  'of %s: the files with the journal compacted in, in their names, and the store untouched',
  async (_, factory) => {
    await using store = await factory.open();
    await loadAll(store.strategy, awkwardEntities(400));
    const { template_id } = await saveTemplate(store.repository, { template_id: 'in-the-journal' });
    const before = await contentOf(store.strategy);
    const copied = await copy(store.config);
    const { storage_type, enable_compression } = store.config.storage?.json_strategy ?? {};
    const files =
      storage_type === 'split_files' ? ['templates.json', 'requests.json', 'machines.json'] : ['request_database.json'];
    expect(copied).toEqual({ files, consistent: true });
    expect((await readdir(join(folder, 'backup'))).sort()).toEqual(files.toSorted());
    const bytes = await readFile(join(folder, 'backup', files[0] as string));
    const text = enable_compression ? gunzipSync(bytes) : bytes;
    expect(JSON.parse(text.toString())[storage_type === 'split_files' ? template_id : 'templates']).toBeDefined();
    const json_strategy = { base_path: join(folder, 'backup'), ...(storage_type && { storage_type }) };
    await using restored = await openRepository({ storage: { strategy: 'json', json_strategy } });
    expect(await contentOf(restored.strategy)).toEqual(before);
    await store.reopen();
    expect(await contentOf(store.strategy)).toEqual(before);
  },
);

test('of missing files', async () => {
  const config: ConfigInput = { storage: { strategy: 'json', json_strategy: { base_path: join(folder, 'nowhere') } } };
  expect((await rejection(copy(config))).message).toContain('There are no files to back up in');
  expect(await readdir(folder)).toEqual(['backup']);
});
