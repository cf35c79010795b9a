/** A configuration that cannot be deployed is refused with a message that names the key, before anything is created. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference to a variable in a configuration.
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readEnvironment } from '../../../lib/cdk/environment/environment-file.ts';
import { appOf, messageOf } from '../refusals.ts';
import { CONFIG_FOLDER, configured } from '../variants.ts';

const vpc = {};
const sql = {
  type: 'postgresql',
  host: '${HFSTORAGE_DATABASE_HOST}',
  name: 'hostfactory',
  username: 'hostfactory_user',
  iam_authentication: true,
  connection_proxy: true,
};
const byPassword = {
  ...sql,
  iam_authentication: false,
  connection_proxy: false,
  password: '${HFSTORAGE_DATABASE_SECRET}',
  sslrootcert: 'package.json',
};
const provisioned = { billing_mode: 'PROVISIONED' };

const dynamodb = (dynamodb_strategy: object, deployment: object = {}, api: object = {}) => ({
  storage: { strategy: 'dynamodb', dynamodb_strategy },
  deployment,
  api,
});
const postgresql = (sql_strategy: object, deployment: object = { vpc }) => ({
  storage: { strategy: 'sql', sql_strategy },
  deployment,
});
const json = (json_strategy: object, deployment: object = {}) => ({
  storage: { strategy: 'json', json_strategy },
  deployment,
});

describe('a store that cannot be deployed', () => {
  test.each<[string, object, string]>([
    ['SQLite', postgresql({ type: 'sqlite' }), 'storage.sql_strategy.type must be "postgresql"'],
    [
      'JSON on a local disk',
      json({ base_path: 'data' }),
      'storage.json_strategy.base_path must be s3://${HFSTORAGE_BUCKET}',
    ],
    ['JSON without a base_path', json({}), 'storage.json_strategy.base_path must be s3://${HFSTORAGE_BUCKET}'],
    ['another bucket', json({ base_path: 's3://other/x' }), 'storage.json_strategy.base_path must be'],
    [
      'an S3-compatible server',
      json({ base_path: 's3://${HFSTORAGE_BUCKET}', endpoint: 'http://x' }),
      'storage.json_strategy.endpoint is not allowed',
    ],
    [
      'DynamoDB Local',
      dynamodb({ endpoint: 'http://127.0.0.1:8000' }),
      'storage.dynamodb_strategy.endpoint is not allowed',
    ],
    ['a profile', dynamodb({ profile: 'production' }), 'storage.dynamodb_strategy.profile is not allowed'],
    [
      'tables elsewhere',
      dynamodb({ region: 'us-east-1' }, { region: 'eu-central-1' }),
      'storage.dynamodb_strategy.region is not allowed',
    ],
    [
      'DAX without a VPC',
      dynamodb({ enable_dax: true, dax_endpoint: '${HFSTORAGE_DAX_ENDPOINT}' }),
      'deployment.vpc is required with storage.dynamodb_strategy.enable_dax',
    ],
    [
      'another DAX cluster',
      dynamodb({ enable_dax: true, dax_endpoint: 'dax://x' }, { vpc }),
      'storage.dynamodb_strategy.dax_endpoint must be ${HFSTORAGE_DAX_ENDPOINT}',
    ],
    [
      'DAX without its endpoint',
      dynamodb({ enable_dax: true }, { vpc }),
      'storage.dynamodb_strategy.dax_endpoint must be ${HFSTORAGE_DAX_ENDPOINT}',
    ],
    [
      'auto_scaling of what is not provisioned',
      dynamodb({ auto_scaling: true }),
      'storage.dynamodb_strategy.auto_scaling has no effect with billing_mode "PAY_PER_REQUEST"',
    ],
    [
      'capacity above the limit of scaling',
      dynamodb({ ...provisioned, auto_scaling: true, write_capacity: 101 }),
      'storage.dynamodb_strategy.write_capacity must be at most auto_scaling.max_write_capacity, 100, not 101',
    ],
    [
      'capacity above the limit of DynamoDB',
      dynamodb({ ...provisioned, read_capacity: 40_001 }),
      'storage.dynamodb_strategy.read_capacity must be at most 40000',
    ],
    [
      'scaling above the limit of DynamoDB',
      dynamodb({ ...provisioned, auto_scaling: { max_read_capacity: 50_000 } }),
      'storage.dynamodb_strategy.auto_scaling.max_read_capacity must be at most 40000',
    ],
    ['RDS without a VPC', postgresql(sql, {}), 'deployment.vpc is required with storage.strategy "sql"'],
    [
      'another database',
      postgresql({ ...sql, host: 'db.example.com' }),
      'storage.sql_strategy.host must be ${HFSTORAGE_DATABASE_HOST}',
    ],
    [
      'a password that is written out',
      postgresql({ ...byPassword, password: 'secret' }, { vpc, rds: { proxy: false } }),
      'storage.sql_strategy.password must be ${HFSTORAGE_DATABASE_SECRET}',
    ],
    [
      'a password with RDS Proxy',
      postgresql(byPassword),
      'storage.sql_strategy.iam_authentication must be true with deployment.rds.proxy',
    ],
    [
      'no CA without RDS Proxy',
      postgresql({ ...byPassword, sslrootcert: undefined }, { vpc, rds: { proxy: false } }),
      'storage.sql_strategy.sslrootcert is required without deployment.rds.proxy',
    ],
    [
      'a CA file that is not there',
      postgresql({ ...byPassword, sslrootcert: 'no/such.pem' }, { vpc, rds: { proxy: false } }),
      'storage.sql_strategy.sslrootcert names "no/such.pem", and there is no such file',
    ],
    [
      'connection_proxy without RDS Proxy',
      postgresql({ ...byPassword, connection_proxy: true }, { vpc, rds: { proxy: false } }),
      'storage.sql_strategy.connection_proxy must be false',
    ],
    [
      'unverified TLS',
      postgresql({ ...sql, sslmode: 'require' }),
      'storage.sql_strategy.sslmode must be "verify-full"',
    ],
    ['no TLS', postgresql({ ...sql, sslmode: 'disable' }), 'storage.sql_strategy.sslmode must not be "disable"'],
    ['another port', postgresql({ ...sql, port: 6432 }), 'storage.sql_strategy.port must be 5432'],
    [
      'a name that RDS does not take',
      postgresql({ ...sql, name: 'Host-Factory' }),
      'storage.sql_strategy.name must consist of lowercase letters',
    ],
    [
      'a user of RDS itself',
      postgresql({ ...sql, username: 'rdsadmin' }),
      'storage.sql_strategy.username must have only',
    ],
    [
      'a VPC for nothing',
      dynamodb({}, { vpc }),
      'deployment.vpc applies only with storage.strategy "sql", with enable_dax, or if the other store',
    ],
    [
      'replicas of a database',
      postgresql(sql, { vpc, region: 'eu-central-1', replicas: [{ region: 'eu-west-1' }] }),
      'deployment.replicas apply only with storage.strategy "dynamodb"',
    ],
  ])('%s', (_, config, message) => {
    expect(messageOf(() => appOf(configured(config)))).toContain(message);
  });
});

const region = 'eu-central-1';
const certificate_arn = 'arn:aws:acm:eu-central-1:123456789012:certificate/x';
const domain = { name: 'api.example.com', certificate_arn };

describe('invalid keys', () => {
  test.each<[object, object, string]>([
    // deployment, api, message
    [{ nam: 'x' }, {}, 'deployment.nam is not a known key; did you mean name?'],
    [{ memory_mb: 128 }, {}, 'deployment.memory_mb is not a known key; did you mean deployment.lambda.memory_mb?'],
    [{ name: 'Host_Factory' }, {}, 'deployment.name must consist of lowercase letters'],
    [{ region: 'Frankfurt' }, {}, 'deployment.region must be a region such as eu-central-1'],
    [{ account: '1' }, {}, 'deployment.account must be the 12 digits of an account'],
    [{ log_retention_days: 8 }, {}, 'deployment.log_retention_days must be one of 1, 3, 5'],
    [{ lambda: { memory_mb: 64 } }, {}, 'deployment.lambda.memory_mb must be at least 128'],
    [{ vpc: { cidr: '10.0.0.0/8' } }, {}, 'deployment.vpc.cidr must be a network such as 10.60.0.0/16'],
    [{ vpc: { id: 'vpc-0123abcd' } }, {}, 'deployment.vpc.subnet_ids must name two or more subnets'],
    [{ vpc: { subnet_ids: ['subnet-0123abcd'] } }, {}, 'deployment.vpc.subnet_ids applies only with id'],
    [{ rds: { storage_gb: 500 } }, {}, 'deployment.rds.max_storage_gb must be at least storage_gb, 500'],
    [{ rds: { engine_version: '12' } }, {}, 'deployment.rds.engine_version must be a version of PostgreSQL from 13 on'],
    [{ dax: { nodes: 12 } }, {}, 'deployment.dax.nodes must be at most 11'],
    [
      { alarms: { emails: ['a@example.com'], topic_arn: 'arn:aws:sns:x:1:y' } },
      {},
      'deployment.alarms.emails applies only without topic_arn',
    ],
    [{ alarms: { emails: ['nobody'] } }, {}, 'deployment.alarms.emails[0] must be an e-mail address'],
    [{ replicas: [{ region: 'eu-west-1' }] }, {}, 'deployment.replicas need deployment.region'],
    [{ region, replicas: [{ region }] }, {}, 'deployment.replicas[0].region must differ from the region'],
    [
      { region, customer_managed_key: true, replicas: [{ region: 'eu-west-1' }] },
      {},
      'deployment.replicas[0].key_arn is required with customer_managed_key',
    ],
    [{}, { endpoint: 'private' }, 'api.vpc_endpoint_ids must name a VPC endpoint'],
    [{}, { vpc_endpoint_ids: ['vpce-0123abcd'] }, 'api.vpc_endpoint_ids applies only with endpoint "private"'],
    [{}, { authorization: 'none' }, 'api.authorization must be "iam" for an API on the internet'],
    [
      {},
      { authorization: 'none', custom_domain: domain },
      'api.authorization must be "iam" for an API on the internet',
    ],
    [{}, { allowed_networks: ['192.0.2.0'] }, 'api.allowed_networks[0] must be a network such as 192.0.2.0/24'],
    [{}, { allowed_networks: ['192.0.2.0/33'] }, 'api.allowed_networks[0] must be a network'],
    [
      {},
      { custom_domain: { ...domain, truststore_version: 'x' } },
      'api.custom_domain.truststore_version applies only with truststore',
    ],
    [
      {},
      { endpoint: 'private', vpc_endpoint_ids: ['vpce-0123abcd'], custom_domain: domain },
      'api.custom_domain applies only with endpoint "regional"',
    ],
    [{}, { throttling: { rate: 0 } }, 'api.throttling.rate must be more than 0'],
    [{}, { throttling: { burst: 5001 } }, 'api.throttling.burst must be at most 5000'],
    [
      {},
      {
        usage_plans: [
          { caller: 'a', rate: 1, burst: 1 },
          { caller: 'A', rate: 1, burst: 1 },
        ],
      },
      'api.usage_plans must name each caller only once',
    ],
  ])('%j %j', (deployment, api, message) => {
    expect(messageOf(() => configured(dynamodb({}, deployment, api)))).toContain(message);
  });
});

describe('an environment', () => {
  const known = 'Known environments: dax, dev, json, prod, sql';

  test('must be named', () => {
    expect(messageOf(() => readEnvironment(CONFIG_FOLDER, undefined))).toBe(
      `Give an environment: -c env=NAME. ${known}.`,
    );
  });

  test.each(['test', '../config/dev', '', 5, 'schema.json'])('%j is not one', (env) => {
    const message = messageOf(() => readEnvironment(CONFIG_FOLDER, env));
    expect(message).toBe(
      `There is no environment ${JSON.stringify(env)}. ${known}. To add this one, write ${join(CONFIG_FOLDER, `${env}.json`)}.`,
    );
  });
});
