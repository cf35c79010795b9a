/** Stores that fail, throttle, stop or fill up in the middle of a migration. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ConfigInput } from '../../lib/config/configuration.ts';
import { type MigrateOptions, migrateRepository, resumeMigration } from '../../lib/migration/migrate-repository.ts';
import { openStates } from '../../lib/migration/plan.ts';
import { readRecord } from '../../lib/migration/record.ts';
import { MigrationError } from '../../lib/repository/errors.ts';
import type { StorageStrategy } from '../../lib/repository/storage-strategy.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';
import { type OwnPostgresql, startOwnPostgresql } from '../backends/postgresql.ts';
import { rejection } from '../contract/rejection.ts';
import type { OpenStore } from '../contract/stores.ts';
import { type FaultyDynamodb, failing, openBehindFaults } from '../strategies/dynamodb/faulty-dynamodb.ts';
import { awkwardEntities, loadAll } from './awkward-entities.ts';
import { contentsOf, factories, newFolder, optionsOf, textsOf, unlike } from './migrating.ts';
import { mountDisk, onOwnDisk } from './own-disk.ts';

const ENTITIES = 240;
const entities = awkwardEntities(ENTITIES);
const section = { batch_size: 10, parallel_workers: 3 };
/** The cause stays until the migration has given up. */
const retryForMs = 300;

let source: OpenStore;
beforeAll(async () => {
  source = await factories.json.open();
  await loadAll(source.strategy, entities);
});
afterAll(async () => {
  await source.close();
});

/** Does something once, when the copy has come to its n-th checkpoint. */
function atCheckpoint(step: number, act: () => void): MigrateOptions['progress'] {
  let steps = 0;
  return (phase) => {
    if (phase === 'copy' && ++steps === step) act();
  };
}

async function contentsAt(config: ConfigInput): Promise<string[]> {
  await using repository = await openRepository(config);
  return await contentsOf(repository.strategy);
}

/** Everything in `found` is a whole entity of the source. */
function expectWholeEntities(found: readonly string[]): void {
  const wanted = new Set(textsOf(entities));
  expect(found.filter((text) => !wanted.has(text)).map((text) => text.slice(0, 200))).toEqual([]);
}

/** The error of a migration that stopped on its way, with the id under which it goes on. */
async function stopped(options: MigrateOptions): Promise<{ error: Error; id: string; copied: number }> {
  const error = await rejection(migrateRepository(options));
  expect(error).toBeInstanceOf(MigrationError);
  const [, copied, id = ''] =
    /(\d+) entities are copied\. Go on with: hfstorage migrateRepository --resume (\S+)$/.exec(error.message) ?? [];
  const record = await readRecord(await openStates(options.config), id);
  expect(record).not.toHaveProperty('report', expect.anything());
  expect(Object.values(record?.collections ?? {}).reduce((sum, counts) => sum + counts.copied, 0)).toBe(Number(copied));
  return { error, id, copied: Number(copied) };
}

test('a target that a server error stops is resumed when it answers again', async () => {
  await using open = await openBehindFaults({ timeout: 10 });
  await using folder = await newFolder();
  const target = { config: { storage: { strategy: 'dynamodb' as const, dynamodb_strategy: open.settings } } };
  open.faults.on(afterPuts(80), async () => failing('InternalServerError', 500));
  const options = optionsOf(source, target, folder.path, { section, retryForMs });
  const { error, id, copied } = await stopped(options);
  expect(error.message).toContain('DynamoDB');
  expect(copied).toBeGreaterThan(0);
  expectWholeEntities(await contentsOf(strategyOf(open.direct)));
  expect(unlike(await contentsOf(source.strategy), textsOf(entities))).toEqual([]);
  open.faults.heal();
  expect(await resumeMigration(id, options)).toMatchObject({ outcome: 'succeeded', validation: { listed: [] } });
  // What was copied before is not sent again: only what was under way.
  const puts = open.faults.calls.filter((operation) => operation === 'PutItem').length;
  expect(puts).toBeLessThanOrEqual(ENTITIES - copied);
  expect(unlike(await contentsOf(strategyOf(open.direct)), textsOf(entities))).toEqual([]);
});

test('a target that throttles for a while slows the copy down, and nothing is lost', async () => {
  await using open = await openBehindFaults({ timeout: 10, max_attempts: 1 });
  await using folder = await newFolder();
  const target = { config: { storage: { strategy: 'dynamodb' as const, dynamodb_strategy: open.settings } } };
  let healAt = Number.POSITIVE_INFINITY;
  let throttled = 0;
  open.faults.on(afterPuts(50), async (_, forward) => {
    healAt = Math.min(healAt, performance.now() + 500);
    // Not before there were enough: a busy machine makes few calls in the time.
    if (performance.now() > healAt && throttled > 5) return forward();
    throttled++;
    return failing('ProvisionedThroughputExceededException');
  });
  const report = await migrateRepository(optionsOf(source, target, folder.path, { section, retryForMs: 20_000 }));
  expect(throttled).toBeGreaterThan(5);
  expect(report).toMatchObject({ outcome: 'succeeded', validation: { repaired: 0, listed: [] } });
  expect(unlike(await contentsOf(strategyOf(open.direct)), textsOf(entities))).toEqual([]);
});

test('a target whose answers get lost on the way holds every entity once', async () => {
  await using open = await openBehindFaults({ timeout: 10, max_attempts: 1 });
  await using folder = await newFolder();
  const target = { config: { storage: { strategy: 'dynamodb' as const, dynamodb_strategy: open.settings } } };
  let puts = 0;
  open.faults.on('PutItem', async (_, forward) => {
    const answer = await forward();
    return ++puts % 40 === 0 ? 'drop' : answer;
  });
  const report = await migrateRepository(optionsOf(source, target, folder.path, { section, retryForMs: 20_000 }));
  expect(puts).toBeGreaterThan(ENTITIES);
  expect(report).toMatchObject({ outcome: 'succeeded', validation: { repaired: 0, listed: [] } });
  expect(unlike(await contentsOf(strategyOf(open.direct)), textsOf(entities))).toEqual([]);
});

test('a source that throttles in the middle of the comparison is read on when it may be', async () => {
  await using open = await openBehindFaults({ timeout: 10, max_attempts: 1 });
  await using target = await factories.sqlite.open();
  await loadAll(strategyOf(open.direct), entities);
  await using folder = await newFolder();
  const from = { config: { storage: { strategy: 'dynamodb' as const, dynamodb_strategy: open.settings } } };
  let comparing = false;
  const progress: MigrateOptions['progress'] = (phase) => {
    if (phase !== 'compare' || comparing) return;
    comparing = true;
    open.faults.on('Scan', async () => failing('ProvisionedThroughputExceededException'), 6);
  };
  const report = await migrateRepository(optionsOf(from, target, folder.path, { section, progress }));
  expect(report).toMatchObject({ outcome: 'succeeded', validation: { repaired: 0, listed: [] } });
  expect(unlike(await contentsOf(target.strategy), textsOf(entities))).toEqual([]);
});

const strategyOf = (repository: unknown): StorageStrategy => (repository as { strategy: StorageStrategy }).strategy;

/** Matches the puts that come after so many. */
function afterPuts(count: number): Parameters<FaultyDynamodb['on']>[0] {
  let puts = 0;
  return ({ operation }) => operation === 'PutItem' && ++puts > count;
}

const configOf = ({ host, port, user: username, password }: OwnPostgresql): { config: ConfigInput } => {
  const sql_strategy = { type: 'postgresql' as const, host, port, username, password, name: 'postgres' };
  return { config: { storage: { strategy: 'sql', sql_strategy: { ...sql_strategy, pool_timeout: 1 } } } };
};

test('PostgreSQL that stops under a migration, as target and as source', async () => {
  await using resources = new AsyncDisposableStack();
  const server = await startOwnPostgresql();
  resources.defer(() => server.remove());
  await using folder = await newFolder();
  const onServer = configOf(server);

  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping = server.stop('immediate');
  };
  const into = optionsOf(source, onServer, folder.path, { section, retryForMs, progress: atCheckpoint(4, stop) });
  const first = await stopped(into);
  expect(first.error.message).toMatch(/^The database server 127\.0\.0\.1:\d+ /);
  expect(first.error.message).not.toContain(server.password);
  await stopping;
  await server.start();
  expectWholeEntities(await contentsAt(onServer.config));
  expect(await resumeMigration(first.id, { ...into, progress: undefined })).toMatchObject({ outcome: 'succeeded' });
  expect(unlike(await contentsAt(onServer.config), textsOf(entities))).toEqual([]);

  await using target = await factories.sqlite.open();
  const from = optionsOf(onServer, target, folder.path, { section, retryForMs, progress: atCheckpoint(4, stop) });
  const second = await stopped(from);
  expectWholeEntities(await contentsOf(target.strategy));
  await stopping;
  await server.start();
  expect(await resumeMigration(second.id, { ...from, progress: undefined })).toMatchObject({ outcome: 'succeeded' });
  expect(unlike(await contentsOf(target.strategy), textsOf(entities))).toEqual([]);
  expect(unlike(await contentsAt(onServer.config), textsOf(entities))).toEqual([]);
});

onOwnDisk('a disk that fills up (needs root on Linux)', () => {
  const onDisk = {
    sqlite: (path: string): ConfigInput => ({
      storage: { strategy: 'sql', sql_strategy: { name: join(path, 'store.db') } },
    }),
    json: (path: string): ConfigInput => ({ storage: { strategy: 'json', json_strategy: { base_path: path } } }),
  };

  test.each(['sqlite', 'json'] as const)('under a %s target: resumed when there is room again', async (type) => {
    await using disk = await mountDisk(40);
    await using from = await factories[type === 'json' ? 'sqlite' : 'json'].open();
    await loadAll(from.strategy, entities);
    await using folder = await newFolder();
    const config = onDisk[type](disk.path);
    const progress = atCheckpoint(4, () => disk.fill());
    const options = optionsOf(from, { config }, folder.path, { section, retryForMs, progress });
    const { error, id, copied } = await stopped(options);
    expect(error.message).toMatch(/disk is full/i);
    expect(copied).toBeLessThan(ENTITIES);
    disk.free();
    expectWholeEntities(await contentsAt(config));
    const report = await resumeMigration(id, { ...options, progress: undefined });
    expect(report).toMatchObject({ outcome: 'succeeded', validation: { listed: [] } });
    expect(unlike(await contentsAt(config), textsOf(entities))).toEqual([]);
    expect(unlike(await contentsOf(from.strategy), textsOf(entities))).toEqual([]);
  });

  test('under the state of the migration: it stays whole, and the migration continues with it', async () => {
    await using disk = await mountDisk(8);
    await using target = await factories.sqlite.open();
    const progress = atCheckpoint(3, () => disk.fill());
    const id = 'migration-1';
    const small = { batch_size: 1, parallel_workers: 3 };
    const options = optionsOf(source, target, disk.path, { section: small, id, progress, checkpointMs: 0 });
    const error = await rejection(migrateRepository(options));
    expect(error).toBeInstanceOf(MigrationError);
    expect(error.message).toMatch(/^Cannot write .* \(migration\.state_location\)\. The disk is full: free space/);
    expect(error.message).toContain(`--resume ${id}`);
    disk.free();
    const report = await resumeMigration(id, { ...options, progress: undefined });
    expect(report).toMatchObject({ outcome: 'succeeded', validation: { listed: [] } });
    expect(unlike(await contentsOf(target.strategy), textsOf(entities))).toEqual([]);
  });

  test('too little room: said before anything is written', async () => {
    await using disk = await mountDisk(2);
    await using folder = await newFolder();
    const many = awkwardEntities(1_500);
    await using from = await factories.json.open();
    await loadAll(from.strategy, many);
    const config = onDisk.sqlite(disk.path);
    const error = await rejection(migrateRepository(optionsOf(from, { config }, folder.path)));
    expect(error).toBeInstanceOf(MigrationError);
    expect(error.message).toMatch(
      /has \d+ MB free; the entities may take \d+ MB there\. Free space, or choose another/,
    );
    expect(error.message).toContain(disk.path);
    expect(await contentsAt(config)).toEqual([]);
    disk.fill();
    const backup = { create_backup: true, backup_location: join(disk.path, 'backups') };
    await using target = await factories.sqlite.open();
    const second = await rejection(migrateRepository(optionsOf(from, target, folder.path, { section: backup })));
    expect(second.message).toMatch(/has \d+ MB free/);
    expect(await contentsOf(target.strategy)).toEqual([]);
  });
});
