/** Backups, portable and native, of a store that another process writes all the time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { entitiesOf } from '../../lib/backup/read-backup.ts';
import type { ConfigInput } from '../../lib/config/configuration.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';
import type { Entity } from '../../lib/model/entities.ts';
import { copyNatively } from '../../lib/strategies/native-backup.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';
import { machine, saveRequest } from '../contract/samples.ts';
import { type OpenStore, type StoreFactory, stores } from '../contract/stores.ts';
import { backUp, newFolder } from './locations.ts';

// More than a page.
const MACHINES = 1_200;
const AMOUNT = 100;
const ROUNDS = 2;

/** Begins to move amounts; ends, whatever it is doing, before its store is closed. */
async function startTransfers({ config }: OpenStore): Promise<AsyncDisposable> {
  const program = join(import.meta.dirname, 'transfer-process.ts');
  const child = spawn(process.execPath, [program, JSON.stringify(config), `${MACHINES}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  await once(child.stdout, 'data');
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function fill({ repository, strategy }: OpenStore): Promise<void> {
  const parent = await saveRequest(repository);
  const machines = Array.from({ length: MACHINES }, (_, i) => ({
    ...machine(parent, { machine_id: `m-${i}`, filler: 'x'.repeat(300) }),
    amount: AMOUNT,
    version: 1,
    created_at: parent.created_at,
    updated_at: parent.created_at,
  })) as Entity[];
  for (let i = 0; i < MACHINES; i += 1000) await strategy.load('machines', machines.slice(i, i + 1000));
}

const named = (name: string): StoreFactory => stores.find((factory) => factory.name === name) as StoreFactory;
const sumOf = (machines: readonly Entity[]): number => machines.reduce((sum, { amount }) => sum + Number(amount), 0);

test.each(['json single file', 'json split files', 'sqlite', 'postgresql'])(
  'of %s: each portable backup is of one moment',
  async (name) => {
    await using folder = await newFolder();
    await using store = await named(name).open();
    await fill(store);
    await using _transfers = await startTransfers(store);
    let changed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const manifest = await backUp(store.strategy, folder.location);
      expect(manifest.consistent).toBe(true);
      const machines: Entity[] = [];
      for await (const page of entitiesOf(folder.location, manifest, 'machines', 500)) machines.push(...page);
      expect(machines).toHaveLength(MACHINES);
      expect(sumOf(machines)).toBe(MACHINES * AMOUNT);
      changed += machines.filter(({ version }) => version > 1).length;
    }
    expect(changed).toBeGreaterThan(0);
  },
);

test('of DynamoDB: every entity is there, and the backup says that it is not of one moment', async () => {
  await using folder = await newFolder();
  await using store = await named('dynamodb').open();
  await fill(store);
  await using _transfers = await startTransfers(store);
  const manifest = await backUp(store.strategy, folder.location);
  expect(manifest.consistent).toBe(false);
  expect(manifest.collections.machines.entities).toBe(MACHINES);
});

describe('native backups of files', () => {
  const places: readonly [string, (folder: string) => ConfigInput][] = [
    ['json single file', (base_path) => ({ storage: { strategy: 'json', json_strategy: { base_path } } })],
    [
      'json split files',
      (base_path) => ({ storage: { strategy: 'json', json_strategy: { base_path, storage_type: 'split_files' } } }),
    ],
    ['sqlite', (folder) => ({ storage: { strategy: 'sql', sql_strategy: { name: join(folder, 'store.db') } } })],
  ];
  test.each(places)('of %s: opened in another folder, each is of one moment', async (name, configOf) => {
    await using folder = await newFolder();
    await using store = await named(name).open();
    await fill(store);
    await using _transfers = await startTransfers(store);
    let changed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const [copy, opened] = [join(folder.path, `${round}`), join(folder.path, `${round}-opened`)];
      await mkdir(copy);
      const config = parseConfig(store.config);
      expect(await copyNatively(config, { folder: copy, id: 'x' })).toMatchObject({ consistent: true });
      await cp(copy, opened, { recursive: true });
      await using repository = await openRepository(configOf(opened));
      const { items } = await repository.strategy.scan('machines', { segment: 0, segments: 1, limit: MACHINES + 1 });
      expect(items).toHaveLength(MACHINES);
      expect(sumOf(items)).toBe(MACHINES * AMOUNT);
      changed += items.filter(({ version }) => version > 1).length;
    }
    expect(changed).toBeGreaterThan(0);
  });
});
