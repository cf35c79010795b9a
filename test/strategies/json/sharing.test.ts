import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type JsonStrategyConfig, jsonStrategy } from '../../../lib/config/json-strategy.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { openJsonStrategy } from '../../../lib/strategies/json/json-strategy.ts';

const PROCESS = join(import.meta.dirname, 'sharing-process.ts');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-sharing-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const start = (config: JsonStrategyConfig, ...args: string[]): ChildProcess =>
  spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROCESS, JSON.stringify(config), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });

/** Runs one process of each argument list at the same time. */
async function runTogether(config: JsonStrategyConfig, lists: string[][]): Promise<void> {
  const codes = await Promise.all(
    lists.map(async (args) => (await once(start(config, ...args), 'close'))[0] as number),
  );
  expect(codes).toEqual(lists.map(() => 0));
}

const template = { template_id: 't', name: 't', provider_api: 'RunInstances', vm_type: 't3.medium', max_number: 1 };

describe.each([
  ['single file', { storage_type: 'single_file' as const }],
  ['split files', { storage_type: 'split_files' as const }],
  ['gzip', { enable_compression: true }],
])('several processes on one store: %s', (_, settings) => {
  const configure = (): JsonStrategyConfig => jsonStrategy.parse({ base_path: folder, ...settings });

  test('4 processes x 25 saves of distinct ids leave 100', async () => {
    const config = configure();
    await runTogether(
      config,
      ['a', 'b', 'c', 'd'].map((name) => ['save', name, '25']),
    );
    await using repository = new StorageRepository(await openJsonStrategy(config));
    expect(await repository.countEntities('templates')).toEqual({ count: 100 });
    if (config.enable_compression) return;
    const file = config.storage_type === 'single_file' ? 'request_database.json' : 'templates.json';
    const content = JSON.parse(await readFile(join(folder, file), 'utf8'));
    expect(Object.keys(content.templates ?? content)).toHaveLength(100);
  });

  test('two processes incrementing one counter with expectedVersion are exact', async () => {
    const config = configure();
    await runTogether(config, [
      ['increment', '100'],
      ['increment', '100'],
    ]);
    await using repository = new StorageRepository(await openJsonStrategy(config));
    expect(await repository.getEntity('templates', 'counter')).toMatchObject({ count: 200, version: 200 });
  });

  test('a save of one process is read by another at once, also across compactions', async () => {
    const config = configure();
    await using writer = new StorageRepository(await openJsonStrategy(config));
    await using reader = new StorageRepository(await openJsonStrategy(config));
    for (let i = 0; i < 60; i++) {
      const filling = 'x'.repeat(50_000);
      await writer.saveEntity('templates', { ...template, count: i, attributes: { filling } });
      expect(await reader.getEntity('templates', 't')).toMatchObject({ count: i, version: i + 1 });
    }
  });

  test('two repositories that save and compact in turn never lose anything', async () => {
    const config = configure();
    for (let round = 0; round < 10; round++) {
      const [a, b] = await Promise.all([openJsonStrategy(config), openJsonStrategy(config)]);
      const repositories = [new StorageRepository(a), new StorageRepository(b)];
      await Promise.all(
        repositories.flatMap((repository, r) =>
          [0, 1, 2].map((i) => repository.saveEntity('templates', { ...template, template_id: `${round}-${r}-${i}` })),
        ),
      );
      await Promise.all(repositories.map((repository) => repository.close()));
    }
    await using repository = new StorageRepository(await openJsonStrategy(config));
    expect(await repository.countEntities('templates')).toEqual({ count: 60 });
  });
});

test('the lock of a process that was killed does not block the next one', async () => {
  const config = jsonStrategy.parse({ base_path: folder });
  const holder = start(config, 'hold');
  await once(holder.stdout as NodeJS.EventEmitter, 'data');
  await using repository = new StorageRepository(await openJsonStrategy(config));
  let saved = false;
  const save = repository.saveEntity('templates', template).then(() => {
    saved = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(saved).toBe(false);
  holder.kill('SIGKILL');
  await save;
  expect(await repository.getEntity('templates', 't')).toBeDefined();
});

// Two writers that had each locked a file of that name wrote at the same position of the journal.
test('repeated removal of the lock file under its writers loses no acknowledged save', async () => {
  const config = jsonStrategy.parse({ base_path: folder });
  const lock = join(folder, 'request_database.json.lock');
  const removing = setInterval(() => rm(lock, { force: true }).catch(() => {}), 700);
  try {
    await runTogether(
      config,
      ['a', 'b', 'c'].map((name) => ['persist', name, '100']),
    );
  } finally {
    clearInterval(removing);
  }
  await using repository = new StorageRepository(await openJsonStrategy(config));
  expect(await repository.countEntities('templates')).toEqual({ count: 300 });
}, 60_000);

test('a read lock keeps writers out and lets other readers in', async () => {
  const config = jsonStrategy.parse({ base_path: folder });
  const strategy = await openJsonStrategy(config);
  const other = await openJsonStrategy(config);
  await using repository = new StorageRepository(strategy);
  await using otherRepository = new StorageRepository(other);
  const events: string[] = [];
  const save = await strategy.withReadLock(async (session) => {
    const saving = otherRepository.saveEntity('templates', template).then(() => events.push('saved'));
    await other.withReadLock(async () => events.push('read by another'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    events.push('read');
    expect(await session.get('templates', ['t'])).toEqual([undefined]);
    await expect(session.write([])).rejects.toThrow('withWriteLock');
    await expect(repository.saveEntity('templates', template)).rejects.toThrow('inside a transaction or lock');
    return { saving };
  });
  await save.saving;
  expect(events).toEqual(['read by another', 'read', 'saved']);
});

test('closing waits for a running transaction, which keeps its lock and commits', async () => {
  const config = jsonStrategy.parse({ base_path: folder });
  const repository = new StorageRepository(await openJsonStrategy(config));
  const other = new StorageRepository(await openJsonStrategy(config));
  const events: string[] = [];
  let begun = (): void => {};
  const beginning = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const transaction = repository.transaction(async (tx) => {
    begun();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await tx.saveEntity('templates', template);
    events.push('committing');
  });
  await beginning;
  const closing = repository.close().then(() => events.push('closed'));
  const competing = other.saveEntity('templates', { ...template, template_id: 'u' }).then(() => events.push('saved'));
  await Promise.all([transaction, closing, competing]);
  expect(events[0]).toBe('committing');
  expect(await other.countEntities('templates')).toEqual({ count: 2 });
  await other.close();
});
