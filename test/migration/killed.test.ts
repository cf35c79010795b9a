/** Migrations whose process is killed, and that another process goes on with. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type MigrateOptions, resumeMigration } from '../../lib/migration/migrate-repository.ts';
import { openStates } from '../../lib/migration/plan.ts';
import { readRecord } from '../../lib/migration/record.ts';
import type { StorageStrategy } from '../../lib/repository/storage-strategy.ts';
import type { OpenStore } from '../contract/stores.ts';
import { isTrial } from '../trials.ts';
import { awkwardEntities, loadAll } from './awkward-entities.ts';
import { contentsOf, factories, type MigrationSection, newFolder, optionsOf, textsOf, unlike } from './migrating.ts';
import type { Death, MigrationOrder } from './migration-process.ts';

const PROGRAM = join(import.meta.dirname, 'migration-process.ts');
const ID = 'migration-killed';
const entities = awkwardEntities(220);
/** Thirteen batches, the last of each collection not full. */
const SECTION = { batch_size: 20, parallel_workers: 3, validate_after_migration: true } satisfies MigrationSection;
const batchesOf = (length: number): number => Math.ceil(length / SECTION.batch_size);
const BATCHES = Object.values(entities).reduce((sum, list) => sum + batchesOf(list.length), 0);

interface Run {
  /** Batches that were given to the target. */
  readonly batches: number;
  readonly done: boolean;
}

/** Runs a process to its end. @throws where it ended otherwise than by its own hand or with success */
async function run(order: MigrationOrder): Promise<Run> {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const lines = output.split('\n').filter(Boolean);
  const done = lines.at(-1) === 'done';
  if (done ? code !== 0 : signal !== 'SIGKILL') throw new Error(`It ended with ${code ?? signal}: ${output}`);
  return { batches: lines.length - Number(done), done };
}

/** Counts the batches that this process gives to a target, whichever connection it uses. */
const loadsOf = ({ strategy }: OpenStore) => jest.spyOn(Object.getPrototypeOf(strategy) as StorageStrategy, 'load');

describe.each(['sqlite', 'dynamodb'] as const)('a migration from json to %s', (type) => {
  let source: OpenStore;
  beforeAll(async () => {
    source = await factories.json.open();
    await loadAll(source.strategy, entities);
    // Processes read what is in its file.
    await source.reopen();
  });
  afterAll(async () => {
    await source.close();
  });

  const order = (target: OpenStore, folder: string, death: Death): MigrationOrder => ({
    id: ID,
    resume: false,
    source: source.config,
    target: target.config,
    folder,
    section: SECTION,
    death,
  });

  const everyStep = Array.from({ length: BATCHES }, (_, i) => i + 1);
  // Each takes a process of its own, and a resumption.
  const apart = type === 'sqlite' ? 3 : 6;
  const steps = isTrial ? everyStep : everyStep.filter((step) => step % apart === 0);

  test.each(steps)('killed after checkpoint %i and resumed: it ends as if never broken', async (step) => {
    await using folder = await newFolder();
    await using target = await factories[type].open();
    const killed = await run(order(target, folder.path, { phase: 'copy', step }));
    expect(killed.done).toBe(false);
    const record = await readRecord(await openStates(optionsOf(source, target, folder.path).config), ID);
    const read = Object.values(record?.collections ?? {}).reduce((sum, counts) => sum + counts.read, 0);
    expect(read).toBeGreaterThan(0);
    const load = loadsOf(target);
    const report = await resumeMigration(ID, optionsOf(source, target, folder.path));
    const batches = load.mock.calls.length;
    // Only what was under way, or durable and not yet noted, is copied again.
    expect(killed.batches + batches).toBeLessThanOrEqual(BATCHES + SECTION.parallel_workers);
    expect(batches).toBeLessThan(BATCHES);
    expect(unlike(await contentsOf(target.strategy), textsOf(entities))).toEqual([]);
    expect(report).toMatchObject({ outcome: 'succeeded', validation: { repaired: 0, listed: [] } });
  });
});

test.each([
  ['sqlite', 'postgresql'],
  ['postgresql', 'dynamodb'],
  ['dynamodb', 'json'],
] as const)('from %s to %s, killed again and again inside batches', async (from, to) => {
  await using source = await factories[from].open();
  await using target = await factories[to].open();
  await using folder = await newFolder();
  await loadAll(source.strategy, entities);
  await source.reopen();
  const { parallel_workers: workers } = SECTION;
  // DynamoDB is read in segments, each of which ends with a batch that is not full.
  const most = from === 'dynamodb' ? BATCHES + 3 * workers : BATCHES;
  const order = { id: ID, source: source.config, target: target.config, folder: folder.path, section: SECTION };
  let batches = 0;
  let kills = 0;
  for (const [round, afterMs] of [0, 1, 3, 8].entries()) {
    const death = { batch: 1 + ((round * 2) % 4), afterMs };
    const outcome = await run({ ...order, resume: round > 0, death });
    batches += outcome.batches;
    if (outcome.done) break;
    kills++;
  }
  expect(kills).toBeGreaterThan(1);
  const record = await readRecord(await openStates(optionsOf(source, target, folder.path).config), ID);
  if (record?.report === undefined) batches += (await run({ ...order, resume: true })).batches;
  expect(batches).toBeLessThanOrEqual(most + kills * workers);
  expect(unlike(await contentsOf(target.strategy), textsOf(entities))).toEqual([]);
});

describe('killed outside the copy', () => {
  const deaths: readonly [string, Death, number, MigrationSection][] = [
    ['while the source is checked', { phase: 'check', step: 1 }, BATCHES, {}],
    ['while it is backed up', { phase: 'backup', step: 2 }, BATCHES, { create_backup: true }],
    ['while both are compared', { phase: 'compare', step: 2 }, 0, {}],
    ['while the source is cleaned up', { phase: 'cleanup', step: 1 }, 0, { cleanup_source: true }],
  ];
  test.each(deaths)('%s', async (_, death, batchesLeft, more) => {
    await using source = await factories.json.open();
    await using target = await factories.sqlite.open();
    await using folder = await newFolder();
    await loadAll(source.strategy, entities);
    await source.reopen();
    const section = { ...SECTION, ...more };
    const stores = { source: source.config, target: target.config };
    expect(await run({ id: ID, resume: false, ...stores, folder: folder.path, section, death })).toMatchObject({
      done: false,
    });
    const load = loadsOf(target);
    const options: MigrateOptions = optionsOf(source, target, folder.path, { section });
    const report = await resumeMigration(ID, options);
    expect(load).toHaveBeenCalledTimes(batchesLeft);
    expect(report).toMatchObject({ outcome: 'succeeded', validation: { repaired: 0, listed: [] } });
    expect(unlike(await contentsOf(target.strategy), textsOf(entities))).toEqual([]);
    await source.reopen();
    const left = more.cleanup_source ? [] : textsOf(entities);
    expect(unlike(await contentsOf(source.strategy), left)).toEqual([]);
    expect(report.removed).toBe(more.cleanup_source ? 220 : undefined);
    await expect(resumeMigration(ID, options)).rejects.toThrow('is finished: nothing is left to do.');
  });
});
