import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type JsonStrategyConfig, jsonStrategy } from '../../../lib/config/json-strategy.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { openJsonStrategy } from '../../../lib/strategies/json/json-strategy.ts';
import { rounds, seededRandom, seedTitle } from '../../trials.ts';

const WRITER = join(import.meta.dirname, 'crash-writer.ts');
// Both kinds of filling, and what is left after the clean-up.
const ROUNDS = rounds(100, 1 / 25);
const random = seededRandom();
const WRITERS = 4;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-crash-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Starts a writer, kills it at a random moment after its first save, and returns the ids of its acknowledged saves. */
async function writeUntilKilled(config: JsonStrategyConfig, name: string, filling: number): Promise<string[]> {
  const reopens = filling > 1000 ? 'stays' : 'reopens';
  const args = [WRITER, JSON.stringify(config), name, String(filling), reopens];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  const started = new Promise<void>((resolve) => {
    child.stdout.on('data', (piece: Buffer) => {
      printed += piece.toString();
      resolve();
    });
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, signal) => resolve(signal)));
  await Promise.race([started, ended]);
  await sleep(random() * 60);
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
  return printed.split('\n').slice(0, -1);
}

test(`${ROUNDS * WRITERS} writers killed with SIGKILL lose no acknowledged save and leave files any JSON parser reads (${seedTitle})`, async () => {
  const config = jsonStrategy.parse({ base_path: folder });
  const acknowledged = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    // Every other round with large entities, so that the journal is compacted many times while processes die.
    const filling = round % 2 === 0 ? 10 : 30_000;
    const names = Array.from({ length: WRITERS }, (_, i) => `${round}-${i}`);
    const written = await Promise.all(names.map((name) => writeUntilKilled(config, name, filling)));
    for (const id of written.flat()) acknowledged.add(id);

    for (const name of await readdir(folder)) {
      if (name.endsWith('.json')) JSON.parse(await readFile(join(folder, name), 'utf8'));
    }
    await using repository = new StorageRepository(await openJsonStrategy(config));
    const ids = [...acknowledged];
    for (let start = 0; start < ids.length; start += 1000) {
      const { missing } = await repository.getEntities('templates', ids.slice(start, start + 1000));
      expect(missing).toEqual([]);
    }
    // Keeps the data small: entities that were checked once are not needed any more.
    if (round % 3 === 2) {
      for (const id of ids) await repository.deleteEntity('templates', id);
      acknowledged.clear();
    }
  }
});
