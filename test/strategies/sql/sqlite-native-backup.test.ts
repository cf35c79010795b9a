import { mkdir, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import { copyNatively } from '../../../lib/strategies/native-backup.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { contentOf } from '../../backup/locations.ts';
import { rejection } from '../../contract/rejection.ts';
import { awkwardEntities, loadAll } from '../../migration/awkward-entities.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-sqlite-backup-'));
  await mkdir(join(folder, 'backup'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const storage = (...names: string[]) => ({
  strategy: 'sql' as const,
  sql_strategy: { name: join(folder, ...names) },
});
const copy = (signal?: AbortSignal, progress?: (what: string, n: number, total?: number) => void) =>
  copyNatively(parseConfig({ storage: storage('store.db') }), {
    folder: join(folder, 'backup'),
    id: 'x',
    signal,
    progress,
  });

test('is one complete file, and the store opens a copy of it', async () => {
  await using repository = await openRepository({ storage: storage('store.db') });
  await loadAll(repository.strategy, awkwardEntities(2_000));
  let [pages, of] = [0, 0];
  const copied = await copy(undefined, (_, n, total = 0) => {
    pages += n;
    of = total;
  });
  expect(copied).toEqual({ files: ['store.db'], consistent: true });
  expect(of).toBeGreaterThan(250);
  expect(pages).toBe(of);
  // No -wal beside it, without which the file would be incomplete.
  expect(await readdir(join(folder, 'backup'))).toEqual(['store.db']);
  const file = new DatabaseSync(join(folder, 'backup', 'store.db'), { readOnly: true });
  expect(file.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'delete' });
  file.close();
  await using restored = await openRepository({ storage: storage('backup', 'store.db') });
  expect(await contentOf(restored.strategy)).toEqual(await contentOf(repository.strategy));
});

test('a missing database is not created', async () => {
  expect((await rejection(copy())).message).toBe(
    `There is no database ${join(folder, 'store.db')} to back up. Check sql_strategy.name.`,
  );
  expect(await readdir(folder)).toEqual(['backup']);
});

test('a damaged database is detected by the check of the copy', async () => {
  {
    await using repository = await openRepository({ storage: storage('store.db') });
    await loadAll(repository.strategy, awkwardEntities(2_000));
  }
  const { size } = await stat(join(folder, 'store.db'));
  const file = await open(join(folder, 'store.db'), 'r+');
  await file.write(Buffer.alloc(8192, 0x5a), 0, 8192, Math.floor(size / 2));
  await file.close();
  expect((await rejection(copy())).message).toMatch(/damaged|not a sound SQLite database/);
});

test('it can be stopped', async () => {
  await using repository = await openRepository({ storage: storage('store.db') });
  await loadAll(repository.strategy, awkwardEntities(6_000));
  const stop = new AbortController();
  const copying = copy(stop.signal, () => stop.abort(new Error('stopped by the test')));
  await expect(copying).rejects.toThrow('stopped by the test');
});
