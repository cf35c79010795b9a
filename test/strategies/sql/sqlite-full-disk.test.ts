import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { StorageUnavailableError } from '../../../lib/repository/errors.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { rejection } from '../../contract/rejection.ts';
import { template } from '../../contract/samples.ts';
import { sqliteFile, type TestDatabase } from './databases.ts';

// A really full or read-only disk needs its own file system, and mounting one requires root on Linux.
const canMount = process.platform === 'linux' && process.getuid?.() === 0;
const onOwnDisk = canMount ? describe : describe.skip;

const mount = (...args: string[]) => execFileSync('mount', args, { stdio: 'pipe' });

const large = (id: string, bytes: number) => template({ template_id: id, attributes: { filling: 'x'.repeat(bytes) } });

onOwnDisk('a disk of its own (needs root on Linux)', () => {
  let disk: string;
  let filler: string;
  let database: TestDatabase;
  beforeEach(async () => {
    disk = await mkdtemp(join(tmpdir(), 'hfstorage-disk-'));
    mount('-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk);
    filler = join(disk, 'filler');
    database = sqliteFile(join(disk, 'store.db'), async () => {});
  });
  afterEach(async () => {
    execFileSync('umount', ['-l', disk]);
    await rm(disk, { recursive: true, force: true });
  });

  test('a full disk refuses saves with advice, loses nothing acknowledged, and works again once there is space', async () => {
    await using repository = await openRepository(database.storage());
    await writeFile(filler, Buffer.alloc(1_000_000));
    const acknowledged: string[] = [];
    const saveUntilFull = async (): Promise<never> => {
      for (let i = 0; ; i++) {
        await repository.saveEntity('templates', large(`t-${i}`, 20_000));
        acknowledged.push(`t-${i}`);
      }
    };
    const error = await rejection(saveUntilFull());
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain('The disk is full. Free some space; nothing was lost');
    expect(acknowledged.length).toBeGreaterThan(10);
    expect(await repository.countEntities('templates')).toEqual({ count: acknowledged.length });

    const several = (tag: string) => [0, 1, 2].map((i) => large(`${tag}-${i}`, i === 0 ? 10 : 200_000));
    const together = several('together').map((entity) => ({ collection: 'templates' as const, entity }));
    const inTransaction = () =>
      repository.transaction(async (tx) => {
        for (const entity of several('transaction')) await tx.saveEntity('templates', entity);
        await tx.deleteEntity('templates', 't-0');
      });
    for (const write of [() => repository.createTogether(together), inTransaction]) {
      expect(await rejection(write())).toBeInstanceOf(StorageUnavailableError);
      expect(await repository.countEntities('templates')).toEqual({ count: acknowledged.length });
    }
    const batch = Array.from({ length: 1000 }, (_, i) => large(`batch-${i}`, 2000));
    const results = await repository.saveEntities('templates', batch);
    for (const result of results) {
      const error = { code: 'storage_unavailable', message: expect.stringContaining('The disk is full') };
      expect(result).toMatchObject({ status: 'failed', error });
    }
    expect(await repository.countEntities('templates')).toEqual({ count: acknowledged.length });

    expect((await rejection(repository.health())).message).toContain('is full');

    await rm(filler);
    await repository.health();
    expect(await repository.saveEntity('templates', template({ template_id: 'after' }))).toMatchObject({ version: 1 });
    await inTransaction();
    await repository.close();
    await using reopened = await openRepository(database.storage());
    const { missing } = await reopened.getEntities('templates', ['after', 'transaction-2', ...acknowledged]);
    expect(missing).toEqual(['t-0']);
    expect(await database.run('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  test('no space for a new database: opening reports it', async () => {
    await writeFile(filler, Buffer.alloc(3 * 1024 * 1024));
    const error = await rejection(openRepository(database.storage()));
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain('The disk is full');
    await rm(filler);
    await using repository = await openRepository(database.storage());
    await repository.saveEntity('templates', template());
  });

  test('a read-only disk is reported, and nothing is changed', async () => {
    const repository = await openRepository(database.storage());
    await repository.saveEntity('templates', template());
    await repository.close();
    const file = await readFile(database.config.name);
    mount('-o', 'remount,ro', disk);
    const error = await rejection(openRepository(database.storage()));
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain('that its disk is not read-only');
    expect(file.equals(await readFile(database.config.name))).toBe(true);
  });
});
