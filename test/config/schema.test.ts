import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { configSchema } from '../../lib/config/configuration.ts';
import { loadConfig } from '../../lib/config/load-config.ts';

const configFolder = join(import.meta.dirname, '..', '..', 'config');
const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(configFolder, name), 'utf8'));

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
}

function* keys(schema: Schema, path = ''): Generator<[path: string, schema: Schema]> {
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    yield [`${path}.${name}`, child];
    yield* keys(child, `${path}.${name}`);
  }
}

test('config/schema.json is up to date (otherwise run `npm run generate`)', async () => {
  expect(await read('schema.json')).toEqual(configSchema());
});

test('every key has a description, and no object accepts unknown keys', () => {
  const schema = configSchema() as Schema;
  expect([...keys(schema)].filter(([, { description = '' }]) => description.length < 10)).toEqual([]);
  const objects = [schema, ...[...keys(schema)].map(([, child]) => child)].filter(({ properties }) => properties);
  expect(objects.every(({ additionalProperties }) => additionalProperties === false)).toBe(true);
});

test('the default configuration is valid, and names its schema', async () => {
  expect(await read('default.json')).toMatchObject({ $schema: './schema.json' });
  expect(await loadConfig(join(configFolder, 'default.json'))).toMatchObject({ storage: { strategy: 'json' } });
});
