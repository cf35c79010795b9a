import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { StorageUnavailableError } from '../../../lib/repository/errors.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { rejection } from '../../contract/rejection.ts';
import { template } from '../../contract/samples.ts';
import { sqliteFile, type TestDatabase } from './databases.ts';

/** Runs work as an unprivileged user: root ignores permissions. */
async function asOrdinaryUser<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  process.seteuid?.('nobody');
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

let folder: string;
let database: TestDatabase;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-permissions-'));
  database = sqliteFile(join(folder, 'store.db'), async () => {});
  await using repository = await openRepository(database.storage());
  await repository.saveEntity('templates', template());
});
afterEach(async () => {
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

const CANNOT_OPEN = 'The file cannot be opened. Check its path, its permissions and those of its folder';
const READ_ONLY = 'The file or its folder is read-only. Give the user of this process write access.';

test.each([
  ['a file that may not be read', 0o777, 0o000, 'store.db', CANNOT_OPEN],
  ['a folder that may not be written', 0o555, 0o666, 'store.db', READ_ONLY],
  ['a folder that may not be written, without the file', 0o555, 0o666, 'new.db', CANNOT_OPEN],
  ['a folder that may not be entered', 0o000, 0o666, 'store.db', CANNOT_OPEN],
  ['a folder that may not be made', 0o555, 0o666, 'sub/store.db', 'Cannot create the folder of'],
])('%s cannot be opened, and the error says why', async (_, folderMode, fileMode, name, message) => {
  await chmod(database.config.name, fileMode);
  await chmod(folder, folderMode);
  const config = database.storage({ settings: { name: join(folder, name) } });
  const error = await asOrdinaryUser(() => rejection(openRepository(config)));
  expect(error).toBeInstanceOf(StorageUnavailableError);
  expect(error.message).toContain(join(folder, name));
  expect(error.message).toContain(message);
});

test('a read-only file can be read; a save reports the problem and changes nothing', async () => {
  await chmod(folder, 0o777);
  await chmod(database.config.name, 0o444);
  await asOrdinaryUser(async () => {
    await using repository = await openRepository(database.storage());
    expect(await rejection(repository.saveEntity('templates', template()))).toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining(READ_ONLY),
    });
    expect(await repository.countEntities('templates')).toEqual({ count: 1 });
  });
});

test('a new file, and the files that SQLite creates beside it, are accessible only to the owner', async () => {
  await using repository = await openRepository(database.storage());
  await repository.saveEntity('templates', template());
  const modes = await Promise.all(
    (await readdir(folder)).map(async (name) => [name, ((await stat(join(folder, name))).mode & 0o777).toString(8)]),
  );
  expect(Object.fromEntries(modes)).toEqual({ 'store.db': '600', 'store.db-wal': '600', 'store.db-shm': '600' });
});
