import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { jsonStrategy } from '../../../lib/config/json-strategy.ts';
import { StorageUnavailableError } from '../../../lib/repository/errors.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { openJsonStrategy } from '../../../lib/strategies/json/json-strategy.ts';

// A really full or read-only disk needs its own file system, and mounting one requires root on Linux.
const canMount = process.platform === 'linux' && process.getuid?.() === 0;
const onOwnDisk = canMount ? describe : describe.skip;

const mount = (...args: string[]) => execFileSync('mount', args, { stdio: 'pipe' });

const template = (id: string, filling: number) => ({
  template_id: id,
  name: id,
  provider_api: 'RunInstances',
  vm_type: 't3.medium',
  max_number: 1,
  attributes: { filling: 'x'.repeat(filling) },
});

onOwnDisk('a disk of its own (needs root on Linux)', () => {
  let disk: string;
  beforeEach(async () => {
    disk = await mkdtemp(join(tmpdir(), 'hfstorage-disk-'));
    mount('-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk);
  });
  afterEach(async () => {
    execFileSync('umount', ['-l', disk]);
    await rm(disk, { recursive: true, force: true });
  });

  test('a full disk refuses saves with advice, loses nothing acknowledged, and works again once there is space', async () => {
    const config = jsonStrategy.parse({ base_path: join(disk, 'data') });
    const acknowledged: string[] = [];
    const repository = new StorageRepository(await openJsonStrategy(config));
    await repository.saveEntity('templates', template('first', 10));
    await writeFile(join(disk, 'filler'), Buffer.alloc(1_000_000));
    const saveUntilFull = async (): Promise<unknown> => {
      for (let i = 0; i < 1000; i++) {
        try {
          await repository.saveEntity('templates', template(`t-${acknowledged.length}`, 20_000));
          acknowledged.push(`t-${acknowledged.length}`);
        } catch (error) {
          return error;
        }
      }
      return undefined;
    };
    const error = await saveUntilFull();
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect((error as Error).message).toContain('The disk is full');
    expect(acknowledged.length).toBeGreaterThan(10);
    // The refused save is not stored, and does not affect small saves that still fit.
    expect(await repository.getEntity('templates', `t-${acknowledged.length}`)).toBeUndefined();
    expect(await repository.countEntities('templates')).toEqual({ count: acknowledged.length + 1 });

    await expect(repository.health()).rejects.toThrow('The disk is full');

    await rm(join(disk, 'filler'));
    await repository.health();
    await repository.saveEntity('templates', template('after', 10));
    // The rest of the disk is too small for journal and data file at once: closing cannot compact, and loses nothing.
    await repository.close();
    await using reopened = new StorageRepository(await openJsonStrategy(config));
    const { missing } = await reopened.getEntities('templates', ['first', 'after', ...acknowledged]);
    expect(missing).toEqual([]);
  });

  test('a disk that fills up during a compaction leaves a whole data file and no temporary files', async () => {
    const config = jsonStrategy.parse({ base_path: disk });
    const repository = new StorageRepository(await openJsonStrategy(config));
    for (let i = 0; i < 8; i++) await repository.saveEntity('templates', template(`t-${i}`, 100_000));
    await writeFile(join(disk, 'filler'), Buffer.alloc(900_000));
    const before = await readdir(disk);
    await repository.close();
    expect(await readdir(disk)).toEqual(before);
    expect((await readdir(disk)).filter((name) => name.includes('.tmp-'))).toEqual([]);
    await rm(join(disk, 'filler'));
    const reopened = new StorageRepository(await openJsonStrategy(config));
    expect(await reopened.countEntities('templates')).toEqual({ count: 8 });
    await reopened.close();
    expect(Object.keys(JSON.parse(await readFile(join(disk, 'request_database.json'), 'utf8')).templates)).toHaveLength(
      8,
    );
  });

  test('a read-only folder can be read; a save reports the problem and changes nothing', async () => {
    const config = jsonStrategy.parse({ base_path: disk });
    const writer = new StorageRepository(await openJsonStrategy(config));
    await writer.saveEntity('templates', template('a', 10));
    await writer.close();
    mount('-o', 'remount,ro', disk);
    const repository = new StorageRepository(await openJsonStrategy(config));
    expect(await repository.getEntity('templates', 'a')).toBeDefined();
    await expect(repository.saveEntity('templates', template('b', 10))).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringMatching(/read-only|Permission is denied/),
    });
    expect(await repository.countEntities('templates')).toEqual({ count: 1 });
    await repository.close();
  });
});
