/** Commands on the SQLite file of another program, whose tables have the same names. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sqlite, type TestDatabase } from '../strategies/sql/databases.ts';
import { createOriginal } from '../strategies/sql/original-tables.ts';
import { Workplace } from './run-hfstorage.ts';

let database: TestDatabase;
let place: Workplace;
beforeEach(async () => {
  database = await createOriginal(sqlite);
  place = await Workplace.create();
  const storage = {
    strategy: 'sql',
    sql_strategy: database.settings,
    json_strategy: { base_path: place.path('data') },
  };
  const migration = { backup_location: place.path('backups'), state_location: place.path('migrations') };
  await writeFile(place.path('config.json'), JSON.stringify({ storage, migration }));
});
afterEach(async () => {
  await place.remove();
  await database[Symbol.asyncDispose]();
});

const state = async () => ({
  sha256: createHash('sha256')
    .update(await readFile(database.config.name))
    .digest('hex'),
  files: await readdir(dirname(database.config.name)),
});

const FROM = ['--source-type', 'sqlite', '--target-type', 'json'];
const TO = ['--source-type', 'json', '--target-type', 'sqlite'];

test.each<readonly [string, readonly string[], number]>([
  ['query', ['query', 'requests'], 1],
  ['count', ['count', 'requests'], 1],
  ['get', ['get', 'requests', 'req-1'], 1],
  ['save', ['save', 'templates', '{"template_id":"t"}'], 1],
  ['doctor', ['doctor'], 3],
  ['doctor --repair', ['doctor', '--repair'], 3],
  ['a rehearsal of a migration from it', ['migrateRepository', ...FROM, '--dry-run'], 1],
  ['a migration from it', ['migrateRepository', ...FROM, '--cleanup-source', '--yes'], 1],
  ['a comparison with it', ['migrateRepository', ...FROM, '--verify-only'], 1],
  ['a migration to it', ['migrateRepository', ...TO, '--merge'], 1],
  ['a portable backup', ['backup', 'create', '--location', 'backups'], 1],
])('%s: reports that the tables are not ours, and changes nothing', async (_, args, code) => {
  const before = await state();
  const outcome = await place.hfstorage(args);
  expect(outcome.code).toBe(code);
  const said = outcome.stdout + outcome.stderr;
  expect(said).toContain(`${database.config.name} holds tables of another program, which were left unchanged: `);
  expect(said).toContain('requests with the unknown columns requested_count, provider_type;');
  expect(await state()).toEqual(before);
});

test('a native backup of it can be taken, and changes nothing', async () => {
  const before = await state();
  const outcome = await place.hfstorage(['backup', 'create', '--native', '--location', place.path('native')]);
  expect(outcome).toMatchObject({ code: 0, stdout: expect.stringContaining('store.db') });
  expect(await state()).toEqual(before);
});
