// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference to a variable in a configuration.
import { expect, test } from '@jest/globals';
import type { ConfigInput } from '../../lib/config/configuration.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { ConfigurationError } from '../../lib/repository/errors.ts';

const withJson = (json_strategy: unknown) => ({ storage: { strategy: 'json', json_strategy } });

const messageOf = (config: unknown, env = {}): string => {
  try {
    parseConfig(config, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error('The configuration was accepted.');
};

test('omitted keys have the documented defaults', () => {
  expect(parseConfig({ storage: { strategy: 'json' } }, {})).toEqual({
    storage: {
      strategy: 'json',
      enforce_references: true,
      json_strategy: {
        storage_type: 'single_file',
        base_path: 'data',
        filenames: {
          single_file: 'request_database.json',
          split_files: { templates: 'templates.json', requests: 'requests.json', machines: 'machines.json' },
        },
        enable_compression: false,
        cache_size: 50_000,
        write_buffer_size: 64_000,
        sync_writes: true,
      },
      sql_strategy: {
        type: 'sqlite',
        name: 'request_database.db',
        host: '',
        port: 0,
        iam_authentication: false,
        connection_proxy: false,
        pool_size: 5,
        max_overflow: 10,
        pool_timeout: 30,
        pool_recycle: 3600,
        timeout: 30,
        enable_query_cache: false,
        query_cache_size: 1000,
      },
      dynamodb_strategy: {
        table_prefix: 'hostfactory',
        create_tables: true,
        billing_mode: 'PAY_PER_REQUEST',
        read_capacity: 5,
        write_capacity: 5,
        auto_scaling: {
          enabled: false,
          min_read_capacity: 1,
          max_read_capacity: 100,
          min_write_capacity: 1,
          max_write_capacity: 100,
          target_utilization: 70,
        },
        enable_dax: false,
        consistent_reads: true,
        timeout: 5,
        max_attempts: 5,
      },
    },
    migration: {
      batch_size: 100,
      parallel_workers: 4,
      create_backup: true,
      backup_location: 'backups/',
      validate_after_migration: true,
      cleanup_source: false,
      state_location: 'state/',
      jobs_at_once: 1,
      on_invalid: 'fail',
      defaults: {},
    },
    backup: {
      location: 'backups/',
      jobs_at_once: 1,
      retention: { keep_last: 7, keep_daily: 7, keep_weekly: 4, keep_monthly: 12 },
    },
  });
});

test.each([
  // The examples of SPEC.md.
  {
    storage_type: 'single_file',
    base_path: 'data',
    filenames: { single_file: 'request_database.json' },
  },
  {
    storage_type: 'split_files',
    base_path: 'data',
    filenames: {
      split_files: { templates: 'templates.json', requests: 'requests.json', machines: 'machines.json' },
    },
  },
  { enable_compression: true, cache_size: 1000, write_buffer_size: 64000, sync_writes: false },
  // Boundary values.
  { cache_size: 0, write_buffer_size: 1 },
  { base_path: 's3://my-bucket' },
  { base_path: 's3://my-bucket/prod/hostfactory/', endpoint: 'http://127.0.0.1:5000', region: 'eu-central-1' },
  { base_path: 'C:\\hostfactory\\data' },
  { base_path: '/var/lib/host factory/ü' },
  { filenames: { single_file: '..data.json' } },
])('accepts %j', (json_strategy) => {
  expect(parseConfig(withJson(json_strategy), {}).storage.json_strategy).toMatchObject(json_strategy);
});

test.each([
  // A configuration, and its error message.
  [undefined, 'the configuration is required'],
  [[], 'the configuration must be an object, not a list'],
  [{}, 'storage is required'],
  [{ storage: {} }, 'storage.strategy is required: "json" or "sql" or "dynamodb"'],
  [{ storage: { strategy: 'jsn' } }, 'storage.strategy must be "json" or "sql" or "dynamodb", not "jsn"'],
  [{ storage: { strategy: 'json' }, stroage: {} }, 'stroage is not a known key; did you mean storage?'],
  [{ storage: { strategy: 'json' }, entirely: 1 }, 'entirely is not a known key'],
  [
    { storage: { strategy: 'json', enforceReferences: true } },
    'storage.enforceReferences is not a known key; did you mean enforce_references?',
  ],
  [
    { storage: { strategy: 'json', cache_size: 5 } },
    'storage.cache_size is not a known key; did you mean storage.json_strategy.cache_size?',
  ],
  [withJson({ colour: 1 }), 'storage.json_strategy.colour is not a known key'],
  [JSON.parse('{"storage":{"strategy":"json","__proto__":1}}'), 'storage.__proto__ is not a known key'],
  [
    withJson({ filenames: { split_files: { machine: 'm.json' } } }),
    'storage.json_strategy.filenames.split_files.machine is not a known key; did you mean machines?',
  ],
  [
    withJson({ storage_type: 'many' }),
    'storage.json_strategy.storage_type must be "single_file" or "split_files", not "many"',
  ],
  [withJson({ sync_writes: 'yes' }), 'storage.json_strategy.sync_writes must be true or false, not "yes"'],
  [withJson({ cache_size: '5' }), 'storage.json_strategy.cache_size must be a number, not "5"'],
  [withJson({ cache_size: 1.5 }), 'storage.json_strategy.cache_size must be an integer, not 1.5'],
  [withJson({ cache_size: -1 }), 'storage.json_strategy.cache_size must be at least 0'],
  [withJson({ cache_size: null }), 'storage.json_strategy.cache_size must be a number, not null'],
  [withJson({ write_buffer_size: 0 }), 'storage.json_strategy.write_buffer_size must be at least 1'],
  [withJson({ base_path: '' }), 'storage.json_strategy.base_path must not be empty'],
  [withJson({ base_path: {} }), 'storage.json_strategy.base_path must be a string, not an object'],
  ...['s3://', 's3:///prefix', 's3://Bucket/x', 'http://host/x', 'file:///data'].map((base_path) => [
    withJson({ base_path }),
    'storage.json_strategy.base_path must be a folder, or s3://bucket/prefix with the name of an S3 bucket',
  ]),
  [
    withJson({ endpoint: 'http://127.0.0.1:5000' }),
    'storage.json_strategy.endpoint applies only to a base_path of s3://bucket/prefix, and base_path is the folder "data"; remove one',
  ],
  [
    withJson({ base_path: 'here', region: 'eu-central-1' }),
    'storage.json_strategy.region applies only to a base_path of s3://bucket/prefix, and base_path is the folder "here"; remove one',
  ],
  [
    withJson({ base_path: 's3://bucket', endpoint: '127.0.0.1:5000' }),
    'storage.json_strategy.endpoint must be a URL that begins with http:// or https://',
  ],
  [
    withJson({ base_path: 's3://bucket', region: 'Frankfurt!' }),
    'storage.json_strategy.region must be a region such as eu-central-1',
  ],
  ...['', '.', '..', 'a/b', '../x.json', 'a\\b', 'C:x', 'a\u0000'].map((single_file) => [
    withJson({ filenames: { single_file } }),
    'storage.json_strategy.filenames.single_file must be a plain file name, without folders',
  ]),
  [
    withJson({ filenames: { single_file: 'x'.repeat(201) } }),
    'storage.json_strategy.filenames.single_file must have at most 200 characters',
  ],
  [
    withJson({ filenames: { split_files: { templates: 'A.json', machines: 'a.json' } } }),
    'storage.json_strategy.filenames.split_files.machines must differ from the file of templates, "a.json"',
  ],
  [
    withJson({ cache_size: -1, sync_write: true }),
    'storage.json_strategy.cache_size must be at least 0; storage.json_strategy.sync_write is not a known key; did you mean sync_writes?',
  ],
])('refuses %j and says what to write', (config, message) => {
  expect(messageOf(config)).toBe(message);
});

test('a parsed configuration is returned unchanged', () => {
  const config = parseConfig(withJson({ base_path: 'plain $${HOME}' }), {});
  expect(config.storage.json_strategy.base_path).toBe('plain ${HOME}');
  expect(parseConfig(config, {})).toBe(config);
});

test('the input type has the keys of the schema', () => {
  const written: ConfigInput = { storage: { strategy: 'json', json_strategy: { cache_size: 5 } } };
  expect(parseConfig(written).storage.json_strategy.cache_size).toBe(5);
});
