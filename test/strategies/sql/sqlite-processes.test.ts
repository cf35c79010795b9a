import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from '@jest/globals';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { run } from '../../cli/run-hfstorage.ts';
import { queryAll } from '../../contract/paging.ts';
import { template } from '../../contract/samples.ts';
import { isTrial } from '../../trials.ts';
import { sqlite, type TestDatabase } from './databases.ts';

const COUNTER = join(import.meta.dirname, 'counter-process.ts');
const WRITER = join(import.meta.dirname, '..', '..', 'contract', 'writer-process.ts');

async function createWithTemplate(): Promise<TestDatabase> {
  const database = await sqlite.create();
  await using repository = await openRepository(database.storage());
  await repository.saveEntity('templates', template({ template_id: 't', max_number: 1 }));
  return database;
}

test('two processes that increment one counter all the time lose nothing', async () => {
  await using database = await createWithTemplate();
  const args = [
    '--disable-warning=ExperimentalWarning',
    COUNTER,
    JSON.stringify(database.storage()),
    't',
    isTrial ? '2000' : '500',
  ];
  const outcomes = await Promise.all([1, 2].map(() => run(process.execPath, args)));
  expect(outcomes).toMatchObject([1, 2].map(() => ({ code: 0, stderr: '' })));
  const counts = outcomes.map(({ stdout }) => Number(stdout));
  for (const count of counts) expect(count).toBeGreaterThan(0);
  const [a, b] = counts as [number, number];
  await using repository = await openRepository(database.storage());
  expect(await repository.getEntity('templates', 't')).toMatchObject({ max_number: 1 + a + b, version: 1 + a + b });
});

/** Starts a process that saves requests, and kills it after this many acknowledged saves. */
async function saveAndBeKilled(database: TestDatabase, name: string, saves: number): Promise<string[]> {
  const args = ['--disable-warning=ExperimentalWarning', WRITER, JSON.stringify(database.storage()), 'save', 't', name];
  const writer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: string[] = [];
  for await (const line of createInterface(writer.stdout)) {
    acknowledged.push(line);
    if (acknowledged.length === saves) writer.kill('SIGKILL');
  }
  return acknowledged;
}

const PROCESSES = isTrial ? 20 : 7;

test(`${PROCESSES} processes that are killed while they and others write lose no acknowledged save`, async () => {
  const AT_ONCE = 3;
  await using database = await createWithTemplate();
  const acknowledged: string[] = [];
  let started = 0;
  const oneAfterAnother = async (): Promise<void> => {
    while (started < PROCESSES) {
      const n = started++;
      acknowledged.push(...(await saveAndBeKilled(database, `w${n}`, 1 + 7 * (n % 5))));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, oneAfterAnother));
  await using repository = await openRepository(database.storage());
  expect(acknowledged.length).toBeGreaterThanOrEqual(PROCESSES);
  const found = new Set((await queryAll(repository, 'requests', {})).map(({ request_id }) => request_id));
  expect(acknowledged.filter((id) => !found.has(id))).toEqual([]);
  expect(await database.run('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
});
