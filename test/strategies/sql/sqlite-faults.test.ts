import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigurationError, StorageDamagedError, StorageUnavailableError } from '../../../lib/repository/errors.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { openSqlDatabase } from '../../../lib/strategies/sql/open-sql-strategy.ts';
import { rejection } from '../../contract/rejection.ts';
import { saveAll, template } from '../../contract/samples.ts';
import { damage } from './damage.ts';
import { sqlite, type TestDatabase } from './databases.ts';
import { createFormer } from './former-database.ts';
import { holdLock, type LockHolder } from './lock-holder.ts';

let database: TestDatabase;
let path: string;
beforeEach(async () => {
  database = await sqlite.create();
  path = database.config.name;
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
});

test('the file is in WAL mode, and a commit waits for the disk', async () => {
  const { storage } = database;
  await (await openRepository(storage())).close();
  const opened = await openSqlDatabase(database.config, { foreignKeys: true, migrate: true });
  const FULL = 2;
  expect(await opened.writing.run('PRAGMA synchronous')).toEqual([[FULL]]);
  expect(await opened.writing.run('PRAGMA journal_mode')).toEqual([['wal']]);
  await opened.close();
  expect(await database.run('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
});

const writes: readonly [string, (on: Repository) => Promise<unknown>][] = [
  ['save', (on) => on.saveEntity('templates', template())],
  ['update', (on) => on.updateEntity('templates', 'kept', { max_number: 3 })],
  ['delete', (on) => on.deleteEntity('templates', 'kept')],
  ['transaction', (on) => on.transaction((tx) => tx.saveEntity('templates', template()))],
  ['creation of several', (on) => on.createTogether([{ collection: 'templates', entity: template() }])],
  ['batch', (on) => saveAll(on, 'templates', [template(), template()])],
  ['several saves at once', (on) => Promise.all([1, 2, 3].map(() => on.saveEntity('templates', template())))],
];

describe.each([
  ['BEGIN IMMEDIATE', writes],
  ['BEGIN EXCLUSIVE', writes.slice(0, 1)],
] as const)('another process holds the lock: %s', (statement, tried) => {
  const open = (timeout: number) => openRepository(database.storage({ settings: { timeout } }));
  let repository: Repository;
  let holder: LockHolder;
  beforeEach(async () => {
    await using first = await open(1);
    await first.saveEntity('templates', template({ template_id: 'kept' }));
    holder = await holdLock(path, statement);
  });
  afterEach(async () => {
    await holder.release();
    await repository.close();
  });

  test.each(tried)('a %s waits for timeout and reports it, while reads and timers keep working', async (_, write) => {
    repository = await open(1);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const start = performance.now();
    let hasFailed = false;
    const failing = rejection(write(repository)).finally(() => {
      hasFailed = true;
    });
    await sleep(50);
    expect(await repository.getEntity('templates', 'kept')).toMatchObject({ version: 1 });
    expect(await repository.queryEntities('templates')).toMatchObject({ items: [{ template_id: 'kept' }] });
    expect(hasFailed).toBe(false);
    const error = await failing;
    clearInterval(timer);
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error).toMatchObject({
      retryable: true,
      message: `Other processes have kept ${path} locked for 1 s (timeout). Nothing was stored; try again.`,
    });
    expect(performance.now() - start).toBeGreaterThan(1_000);
    expect(ticks).toBeGreaterThan(10);
    expect(await repository.countEntities('templates')).toEqual({ count: 1 });
  });

  test.each(tried)('a %s succeeds if the lock is released within timeout', async (_, write) => {
    repository = await open(10);
    const writing = write(repository);
    await sleep(50);
    await holder.release();
    holder = { release: async () => {} };
    await writing;
  });

  test('an up-to-date database is still opened', async () => {
    repository = await open(0.3);
    await repository.health();
  });
});

test('a database that must be upgraded waits for timeout, and reports it', async () => {
  await using former = await createFormer(sqlite);
  for (const statement of ['BEGIN IMMEDIATE', 'BEGIN EXCLUSIVE']) {
    const holder = await holdLock(former.config.name, statement);
    const error = await rejection(openRepository(former.storage({ settings: { timeout: 0.2 } })));
    await holder.release();
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain(`Other processes have kept ${former.config.name} locked for 0.2 s (timeout).`);
  }
  await (await openRepository(former.storage())).close();
});

describe('a file', () => {
  const entities = Array.from({ length: 500 }, (_, i) =>
    template({ template_id: `t-${i}`, attributes: { filler: 'x'.repeat(200) } }),
  );

  test('that is damaged is an error if a call meets the damage, and is not changed', async () => {
    await using filled = await openRepository(database.storage());
    await saveAll(filled, 'templates', entities);
    await filled.close();
    await damage(path);
    const damaged = await readFile(path);
    await using repository = await openRepository(database.storage());
    const calls: (() => Promise<unknown>)[] = [
      () => repository.queryEntities('templates', { limit: 1000, orderBy: 'name' }),
      () =>
        repository.getEntities(
          'templates',
          entities.map(({ template_id }) => template_id),
        ),
      () => saveAll(repository, 'templates', entities),
      () =>
        repository
          .transaction(async (tx) => tx.queryEntities('templates', { limit: 1000, orderBy: 'name' }))
          .catch((e) => {
            throw e;
          }),
    ];
    for (const call of calls) {
      const error = await rejection(call());
      expect(error).toBeInstanceOf(StorageDamagedError);
      expect(error.message).toContain(`${path} is not a sound SQLite database`);
    }
    await repository.close();
    expect(damaged.equals(await readFile(path))).toBe(true);
  });

  test('that is not a database is not opened, and not changed', async () => {
    await writeFile(path, 'This was never a database.\n'.repeat(1000));
    const error = await rejection(openRepository(database.storage()));
    expect(error).toBeInstanceOf(StorageDamagedError);
    expect(await readFile(path, 'utf8')).toBe('This was never a database.\n'.repeat(1000));
  });

  test('of another encoding, in which text sorts differently, is not opened', async () => {
    await database.script("PRAGMA encoding = 'UTF-16'; CREATE TABLE other (id INTEGER)");
    const error = await rejection(openRepository(database.storage()));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain('stores its text as UTF-16le');
  });

  test('whose tables are gone is an error that names them', async () => {
    await (await openRepository(database.storage())).close();
    await using repository = await openRepository(database.storage());
    await database.run('DROP TABLE machines');
    for (const call of [() => repository.countEntities('machines'), () => repository.deleteEntity('templates', 'x')]) {
      const error = await rejection(call());
      expect(error).toBeInstanceOf(StorageUnavailableError);
      expect(error.message).toContain('no such table: machines');
    }
  });
});

describe('the path', () => {
  const at = (name: string) => openRepository(database.storage({ settings: { name } }));

  test('in missing folders: they are created', async () => {
    const name = join(dirname(path), 'a', 'b c', 'ü#%?.db');
    await using repository = await at(name);
    await repository.saveEntity('templates', template());
    expect((await readFile(name)).subarray(0, 15).toString()).toBe('SQLite format 3');
  });

  test('is a folder', async () => {
    await mkdir(join(dirname(path), 'folder'));
    const error = await rejection(at(join(dirname(path), 'folder')));
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain('The file cannot be opened. Check its path');
  });

  test('goes through a file', async () => {
    await writeFile(path, '');
    const error = await rejection(at(join(path, 'store.db')));
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain(`Cannot create the folder of ${join(path, 'store.db')}`);
  });
});
