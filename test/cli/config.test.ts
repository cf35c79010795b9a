// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference to a variable in a configuration.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Workplace } from './run-hfstorage.ts';

let place: Workplace;
beforeEach(async () => {
  place = await Workplace.create();
});
afterEach(async () => {
  delete process.env.HFSTORAGE_TEST_TOKEN;
  delete process.env.HFSTORAGE_TEST_PLACE;
  await place.remove();
});

test('config check names the file and the store', async () => {
  const path = place.path('config.json');
  expect((await place.hfstorage(['config', 'check'])).stdout).toBe(`${path} is valid; it uses the store json.\n`);
  const { stdout } = await place.hfstorage(['config', 'check', '--json']);
  expect(JSON.parse(stdout)).toEqual({ valid: true, path, strategy: 'json' });
  expect(await place.hfstorage(['config', 'check', '--config', 'none.json'])).toMatchObject({ code: 1, stdout: '' });
});

test('config show prints the configuration in use, complete and without secrets', async () => {
  const storage = { strategy: 'json', json_strategy: { base_path: '${HFSTORAGE_TEST_PLACE}/${HFSTORAGE_TEST_TOKEN}' } };
  await writeFile(place.path('config.json'), JSON.stringify({ $schema: './schema.json', storage }));
  process.env.HFSTORAGE_TEST_PLACE = 'somewhere';
  process.env.HFSTORAGE_TEST_TOKEN = 'hunter2';
  const { code, stdout, stderr } = await place.hfstorage(['config', 'show']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: `From ${place.path('config.json')}:\n` });
  const shown = JSON.parse(stdout);
  expect(shown).not.toHaveProperty('$schema');
  expect(shown.storage.json_strategy).toMatchObject({
    base_path: '${HFSTORAGE_TEST_PLACE}/${HFSTORAGE_TEST_TOKEN}',
    cache_size: 50_000,
  });
});

test('config show hides a literal password', async () => {
  const sql_strategy = {
    type: 'postgresql',
    host: 'localhost',
    name: 'hostfactory',
    username: 'hfstorage',
    password: 'hunter2',
  };
  await writeFile(place.path('config.json'), JSON.stringify({ storage: { strategy: 'json', sql_strategy } }));
  const { stdout } = await place.hfstorage(['config', 'show']);
  expect(JSON.parse(stdout).storage.sql_strategy).toMatchObject({ username: 'hfstorage', password: '(hidden)' });
});

test('config schema prints the content of config/schema.json', async () => {
  const { stdout } = await place.hfstorage(['config', 'schema']);
  expect(stdout).toBe(await readFile(join(import.meta.dirname, '..', '..', 'config', 'schema.json'), 'utf8'));
});
