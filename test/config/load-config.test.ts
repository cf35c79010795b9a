// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference to a variable in a configuration.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { loadConfig, readConfig } from '../../lib/config/load-config.ts';

const started = { folder: process.cwd(), config: process.env.HFSTORAGE_CONFIG };
let folder: string;

const configWith = (base_path: string) =>
  JSON.stringify({ storage: { strategy: 'json', json_strategy: { base_path } } });
const basePathOf = async (path?: string) => (await loadConfig(path)).storage.json_strategy.base_path;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-config-'));
  process.chdir(folder);
  delete process.env.HFSTORAGE_CONFIG;
});

afterEach(async () => {
  process.chdir(started.folder);
  if (started.config !== undefined) process.env.HFSTORAGE_CONFIG = started.config;
  delete process.env.HFSTORAGE_TEST_FOLDER;
  await rm(folder, { recursive: true });
});

test('the named file comes first, then HFSTORAGE_CONFIG, config/default.json here, and the default of the package', async () => {
  expect(await basePathOf()).toBe('data');
  expect((await readConfig()).path).toMatch(/config.default\.json$/);
  await mkdir('config');
  await writeFile(join('config', 'default.json'), configWith('here'));
  expect(await basePathOf()).toBe('here');
  await writeFile('variable.json', configWith('variable'));
  process.env.HFSTORAGE_CONFIG = 'variable.json';
  expect(await basePathOf()).toBe('variable');
  await writeFile('named.json', `\ufeff${configWith('named')}`);
  expect(await basePathOf('named.json')).toBe('named');
  process.env.HFSTORAGE_CONFIG = '';
  expect(await basePathOf()).toBe('here');
});

test('strings are expanded from the environment of the process', async () => {
  process.env.HFSTORAGE_TEST_FOLDER = 'from-environment';
  await writeFile('named.json', configWith('${HFSTORAGE_TEST_FOLDER}/data'));
  expect(await basePathOf('named.json')).toBe('from-environment/data');
});

test.each([
  ['{"storage":\n {,}}', 'bad.json: line 2, column 3: expected a name in double quotes or \'}\', found ","'],
  ['{}', 'bad.json: storage is required'],
  [
    configWith('${HFSTORAGE_TEST_UNSET}'),
    'bad.json: storage.json_strategy.base_path needs the environment variable HFSTORAGE_TEST_UNSET, which is not set',
  ],
])('an error names the file: %j', async (text, message) => {
  await writeFile('bad.json', text);
  await expect(loadConfig('bad.json')).rejects.toMatchObject({ code: 'configuration_invalid', message });
});

test('an unreadable file is named with the reason', async () => {
  await expect(loadConfig('none.json')).rejects.toThrow(
    'The configuration none.json cannot be read: there is no such file. Name another with --config or HFSTORAGE_CONFIG.',
  );
  await expect(loadConfig('.')).rejects.toThrow('The configuration . cannot be read: it is a folder.');
});
