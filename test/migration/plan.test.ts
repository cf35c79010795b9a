/** The plan of a migration, and its state in a folder. */
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { resumeMigration } from '../../lib/migration/migrate-repository.ts';
import { createPlan, migrationIds, openStates, planOf, readPlan, stateOf } from '../../lib/migration/plan.ts';
import { readRecord } from '../../lib/migration/record.ts';
import type { Location } from '../../lib/objects/location.ts';
import { takeJobLock } from '../../lib/transfer/job-locks.ts';
import { rejection } from '../contract/rejection.ts';
import { newFolder, optionsOf } from './migrating.ts';

const ID = 'migration-20261122T100000Z-1a2b3c';
let folder: Awaited<ReturnType<typeof newFolder>>;
let states: Location;
beforeEach(async () => {
  folder = await newFolder();
  states = await openStates(options().config);
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

const options = () => {
  const json = {
    config: { storage: { strategy: 'json' as const, json_strategy: { base_path: join(folder.path, 'a') } } },
  };
  const sqlite = {
    config: { storage: { strategy: 'sql' as const, sql_strategy: { name: join(folder.path, 'b.db') } } },
  };
  return optionsOf(json, sqlite, folder.path);
};
const create = (id = ID) => createPlan(states, planOf(options(), id, 'command'));

test('a plan says between which stores, and how', async () => {
  expect(await create()).toBe(true);
  expect(await readPlan(states, ID)).toMatchObject({
    id: ID,
    source: { type: 'json', place: expect.stringContaining(join(folder.path, 'a')) },
    target: { type: 'sqlite' },
    settings: { batch_size: 100, create_backup: false, merge: false },
    origin: 'command',
  });
  expect(await readRecord(states, ID)).toMatchObject({ isBegun: false, isCopying: false, report: undefined });
});

test('of many that take an id at the same time one has it, and its plan stays', async () => {
  const taken = await Promise.all(Array.from({ length: 20 }, () => create()));
  expect(taken.filter(Boolean)).toHaveLength(1);
  const { started_at } = await readPlan(states, ID);
  expect(await create()).toBe(false);
  expect((await readPlan(states, ID)).started_at).toBe(started_at);
});

test.each(['../escaped', 'a/b', '', '.', 'a\0b', 'a b', 'migration\n'])('the id %j is refused', async (id) => {
  expect((await rejection(create(id))).message).toContain('cannot be the id of a migration');
  expect((await rejection(readPlan(states, id))).message).toContain('There is no migration');
  expect((await rejection(resumeMigration(id, options()))).message).toContain('There is no migration');
});

test('nobody continues a migration that runs', async () => {
  await create();
  const lock = takeJobLock(options().config.migration.state_location, 'migration', ID);
  expect((await rejection(resumeMigration(ID, options()))).message).toBe(
    `The migration ${ID} is running in another process: wait for it.`,
  );
  lock[Symbol.dispose]();
});

test('a state on S3 is that of a deployment: this process does not migrate with it', async () => {
  const { config, ...rest } = options();
  const migration = { ...config.migration, state_location: join(folder.path, 'migrations') };
  await create();
  const error = await rejection(
    resumeMigration(ID, {
      ...rest,
      config: { ...config, migration: { ...migration, state_location: 's3://b/state' } },
    }),
  );
  expect(error.message).toMatch(/s3:\/\/b\/state/);
});

test('the migrations of a folder, sorted, and nothing else that lies there', async () => {
  for (const id of ['migration-2', 'migration-1']) await create(id);
  await appendFile(join(folder.path, 'migrations', 'notes.txt'), '');
  expect(await migrationIds(states)).toEqual(['migration-1', 'migration-2']);
});

describe('state that is damaged', () => {
  test('an error that names the object and what to do', async () => {
    await create();
    await writeFile(join(folder.path, 'migrations', 'migrations', ID, 'plan.json'), '{"id":"mig');
    const error = await rejection(readPlan(states, ID));
    expect(error.code).toBe('migration_failed');
    expect(error.message).toMatch(/plan\.json is damaged: .*move its folder away and begin anew/);
  });

  test('a file in the place of the folder', async () => {
    await mkdir(join(folder.path, 'migrations'), { recursive: true });
    await writeFile(join(folder.path, 'migrations', 'migrations'), '');
    expect((await rejection(migrationIds(states))).message).toMatch(/Cannot list .*\(migration\.state_location\)/);
  });
});

test('progress that was stored is read again', async () => {
  await create();
  const state = stateOf(states, ID);
  await state.write('approved', { result: true });
  await state.write('copy-machines/machines-0', {
    done: false,
    cursor: 'c',
    at: '2026-11-22T10:00:00.000Z',
    result: { read: 10, copied: 9, skipped: 1 },
  });
  expect(await readRecord(states, ID)).toMatchObject({
    isCopying: true,
    at: '2026-11-22T10:00:00.000Z',
    collections: { machines: { read: 10, copied: 9, skipped: 1 }, templates: { read: 0 } },
  });
});
