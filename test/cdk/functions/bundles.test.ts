/** The bundles of the functions: small, with one store each, and self-contained. */
import { execFile } from 'node:child_process';
import { cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { deployedConfig } from '../../../lib/cdk/environment/placeholders.ts';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import { routes } from '../../../lib/service/http/routes.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { newTestTables } from '../../backends/test-tables.ts';
import { bundleFolders } from '../bundle-folders.ts';
import { environment, newFolder } from '../synthesized.ts';

const run = promisify(execFile);

/** Bytes of the largest bundle of each store: the measured size plus ten percent. */
const LIMITS = { dev: 1_022_000, json: 1_093_000, sql: 857_000, dax: 1_590_000 };
/** Bytes of the bundle that serves the OpenAPI document, and uses no store. */
const LIMIT_WITHOUT_STORE = 598_000;

/** Text that occurs only in the code of one store. */
const marks: Readonly<Record<string, readonly string[]>> = {
  dynamodb: ['TransactWriteItems', 'ConditionalCheckFailedException'],
  json: ['JournalChanged'],
  sql: ['pg_advisory_xact_lock'],
  sqlite: ['BEGIN IMMEDIATE'],
};

const operations = [...new Set(routes.map(({ operation }) => operation))];

const folders = {
  dev: await bundleFolders('dev'),
  json: await bundleFolders('json'),
  sql: await bundleFolders('sql'),
  dax: await bundleFolders('dax'),
};
type Name = keyof typeof folders;

const codeOf = (name: Name, operation: string): string => join(folders[name](operation), 'index.mjs');

describe.each(Object.entries(LIMITS) as [Name, number][])('for %s', (name, limit) => {
  test('the bundle of each function stays within its size limit', () => {
    const sizes = operations.map((operation) => [operation, statSync(codeOf(name, operation)).size] as const);
    expect(sizes.filter(([, size]) => size > limit)).toEqual([]);
    expect(Object.fromEntries(sizes)['get-openapi']).toBeLessThan(LIMIT_WITHOUT_STORE);
  });

  test('a bundle is self-contained', async () => {
    const script = `const { handler } = await import(${JSON.stringify(codeOf(name, 'get-entity'))}); console.log(typeof handler);`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: tmpdir() });
    expect(stdout.trim()).toBe('function');
  });
});

test.each<[Name, string]>([
  ['dev', 'dynamodb'],
  ['sql', 'sql'],
  ['json', 'json'],
])('the bundles of %s contain only the store %s', (name, store) => {
  const code = readFileSync(codeOf(name, 'save-entity'), 'utf8');
  for (const [other, texts] of Object.entries(marks)) {
    for (const text of texts) expect([text, code.includes(text)]).toEqual([text, other === store]);
  }
});

test('only the bundles of dax contain the DAX client', () => {
  expect(readFileSync(codeOf('dax', 'get-entity'), 'utf8')).toContain('DaxClient');
  expect(readFileSync(codeOf('dev', 'get-entity'), 'utf8')).not.toContain('DaxClient');
});

test('an operation that needs no store is answered without a configuration', async () => {
  const event = { httpMethod: 'GET', requestContext: { requestId: 'r' } };
  const script = `const { handler } = await import(${JSON.stringify(codeOf('dev', 'get-openapi'))});
    const { statusCode, body } = await handler(${JSON.stringify(event)}, {});
    console.log(JSON.stringify({ statusCode, openapi: JSON.parse(body).openapi }));`;
  const env = { PATH: process.env.PATH, POWERTOOLS_LOG_LEVEL: 'SILENT' };
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env });
  expect(JSON.parse(stdout)).toEqual({ statusCode: 200, openapi: '3.1.0' });
});

test('a function answers from its folder, with its configuration file and the variables of Lambda', async () => {
  const { endpoint, region, table_prefix } = newTestTables();
  const storage = { strategy: 'dynamodb', dynamodb_strategy: { table_prefix } } as const;
  const made = { ...storage, dynamodb_strategy: { endpoint, region, table_prefix } };
  await (await openRepository({ storage: made })).close();
  const folder = newFolder();
  cpSync(folders.dev('get-health'), folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), deployedConfig(parseConfig({ storage })));
  const event = { httpMethod: 'GET', requestContext: { requestId: 'r' } };
  const script = `const { handler } = await import('./index.mjs');
    const { statusCode } = await handler(${JSON.stringify(event)}, {});
    console.log('answered', statusCode);`;
  const env = {
    PATH: process.env.PATH,
    HFSTORAGE_CONFIG: 'config.json',
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY,
    AWS_ENDPOINT_URL_DYNAMODB: endpoint,
    AWS_LAMBDA_FUNCTION_NAME: 'get-health',
    POWERTOOLS_METRICS_NAMESPACE: 'HostFactory',
    POWERTOOLS_SERVICE_NAME: 'hostfactory',
  };
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder, env });
  expect(stdout).toContain('answered 200');
  expect(stdout).toContain('"Namespace":"HostFactory"');
});

describe('the configuration in a bundle', () => {
  const variables = {
    HFSTORAGE_BUCKET: 'a-bucket',
    HFSTORAGE_DATABASE_HOST: 'db.example.com',
    HFSTORAGE_DAX_ENDPOINT: 'daxs://dax.example.com',
  };

  test.each([
    ['json', { json_strategy: { base_path: 's3://a-bucket/store' } }],
    ['sql', { sql_strategy: { host: 'db.example.com', connection_proxy: true } }],
    ['dax', { dynamodb_strategy: { dax_endpoint: 'daxs://dax.example.com', create_tables: false } }],
    ['prod', { dynamodb_strategy: { table_prefix: 'hostfactory', create_tables: false } }],
  ])('of %s can be read once the variables of the function are set', (name, expected) => {
    const config = environment(name);
    const read = parseConfig(JSON.parse(deployedConfig(config)), variables);
    expect(read.storage).toMatchObject(expected);
    expect(read).not.toHaveProperty('deployment');
    expect(read.storage.enforce_references).toBe(config.storage.enforce_references);
  });
});
