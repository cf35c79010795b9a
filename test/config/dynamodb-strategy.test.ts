import { expect, test } from '@jest/globals';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { ConfigurationError } from '../../lib/repository/errors.ts';

const parse = (dynamodb_strategy: unknown, strategy = 'dynamodb') =>
  parseConfig({ storage: { strategy, dynamodb_strategy } }, {}).storage.dynamodb_strategy;

function messageOf(dynamodb_strategy: unknown): string {
  try {
    parse(dynamodb_strategy);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message.replaceAll('storage.dynamodb_strategy.', '');
  }
  throw new Error('The configuration was accepted.');
}

const usualScaling = {
  min_read_capacity: 1,
  max_read_capacity: 100,
  min_write_capacity: 1,
  max_write_capacity: 100,
  target_utilization: 70,
};

test.each([
  // The examples of SPEC.md.
  {
    region: 'us-east-1',
    profile: 'production',
    table_prefix: 'hostfactory',
    read_capacity: 5,
    write_capacity: 5,
    billing_mode: 'PAY_PER_REQUEST',
  },
  { auto_scaling: { enabled: true, ...usualScaling } },
  // Boundary values.
  { billing_mode: 'PROVISIONED', read_capacity: 1, write_capacity: 40_000 },
  { table_prefix: 'A.b-c_9' },
  { table_prefix: 'x'.repeat(245) },
  { enable_dax: true, dax_endpoint: 'dax://hostfactory.a1b2c3.dax-clusters.eu-central-1.amazonaws.com' },
  { enable_dax: true, dax_endpoint: 'daxs://hostfactory.example:9111', consistent_reads: true },
  { endpoint: 'http://127.0.0.1:8000', region: 'eu-central-1' },
  { timeout: 0.001, max_attempts: 1 },
  { timeout: 300, max_attempts: 100 },
  { auto_scaling: { enabled: true, ...usualScaling, min_read_capacity: 5, max_read_capacity: 5 } },
])('accepts %j', (dynamodb_strategy) => {
  expect(parse(dynamodb_strategy)).toMatchObject(dynamodb_strategy);
});

test("accepts SPEC.md's performance sample, which names neither a billing mode nor a DAX cluster", () => {
  const sample = { read_capacity: 10, write_capacity: 10, enable_dax: true, consistent_reads: false };
  const config = parse({ ...sample, auto_scaling: true });
  expect(config).toMatchObject({ ...sample, billing_mode: 'PAY_PER_REQUEST' });
  expect(config.auto_scaling).toEqual({ enabled: true, ...usualScaling });
});

test.each([
  [undefined, { enabled: false, ...usualScaling }],
  [false, { enabled: false, ...usualScaling }],
  [{}, { enabled: true, ...usualScaling }],
  [{ enabled: false }, { enabled: false, ...usualScaling }],
  [{ max_read_capacity: 500 }, { enabled: true, ...usualScaling, max_read_capacity: 500 }],
])('auto_scaling %j is complete with its defaults', (auto_scaling, complete) => {
  expect(parse({ auto_scaling }).auto_scaling).toEqual(complete);
});

const DAX_URL = 'dax_endpoint must be a URL that begins with dax:// or daxs://';
const PREFIX = 'table_prefix must consist of English letters, digits and the characters _ . -';

test.each<[object, string]>([
  // A configuration, and its error message.
  [{ billing_mode: 'FREE' }, 'billing_mode must be "PAY_PER_REQUEST" or "PROVISIONED", not "FREE"'],
  [{ tabel_prefix: 'a' }, 'tabel_prefix is not a known key; did you mean table_prefix?'],
  [{ target_utilization: 70 }, 'target_utilization is not a known key; did you mean auto_scaling.target_utilization?'],
  [{ region: 'Frankfurt!' }, 'region must be a region such as eu-central-1'],
  [{ profile: '' }, 'profile must not be empty'],
  [{ table_prefix: '' }, 'table_prefix must not be empty'],
  ...['host factory', 'ü', 'a/b', 'a\n'].map((table_prefix): [object, string] => [{ table_prefix }, PREFIX]),
  [{ table_prefix: 'x'.repeat(246) }, 'table_prefix must have at most 245 characters'],
  [{ read_capacity: 0 }, 'read_capacity must be at least 1'],
  [{ write_capacity: 40_001 }, 'write_capacity must be at most 40000'],
  [{ write_capacity: 2.5 }, 'write_capacity must be an integer, not 2.5'],
  [{ auto_scaling: 'yes' }, 'auto_scaling must be true or false or an object, not "yes"'],
  [{ auto_scaling: null }, 'auto_scaling must be true or false or an object, not null'],
  [{ auto_scaling: { enabeld: true } }, 'auto_scaling.enabeld is not a known key; did you mean enabled?'],
  [{ auto_scaling: { enabled: 1 } }, 'auto_scaling.enabled must be true or false, not 1'],
  [{ auto_scaling: { target_utilization: 19 } }, 'auto_scaling.target_utilization must be at least 20'],
  [
    { auto_scaling: { min_read_capacity: 0, target_utilization: 91 } },
    'auto_scaling.min_read_capacity must be at least 1; auto_scaling.target_utilization must be at most 90',
  ],
  [
    { auto_scaling: { min_write_capacity: 101 } },
    'auto_scaling.max_write_capacity must be at least min_write_capacity, 101',
  ],
  [
    { dax_endpoint: 'dax://hostfactory.example' },
    'dax_endpoint applies only with enable_dax; remove it, or set enable_dax to true',
  ],
  [{ enable_dax: true, dax_endpoint: 'https://hostfactory.example' }, DAX_URL],
  [{ enable_dax: true, dax_endpoint: 'hostfactory.example:8111' }, DAX_URL],
  [{ endpoint: '127.0.0.1:8000' }, 'endpoint must be a URL that begins with http:// or https://'],
  [{ timeout: 0 }, 'timeout must be more than 0'],
  [{ timeout: 5000 }, 'timeout must be at most 300'],
  [{ max_attempts: 0 }, 'max_attempts must be at least 1'],
])('refuses %j and says what to write', (dynamodb_strategy, message) => {
  expect(messageOf(dynamodb_strategy)).toBe(message);
});

test('another store needs no section for DynamoDB', () => {
  expect(parse(undefined, 'json')).toMatchObject({ table_prefix: 'hostfactory', consistent_reads: true });
});
