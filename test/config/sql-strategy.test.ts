// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference to a variable in a configuration.
import { expect, test } from '@jest/globals';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { sslModeOf } from '../../lib/config/postgresql-access.ts';
import { ConfigurationError } from '../../lib/repository/errors.ts';

const env = { DB_PASSWORD: 'hunter2', EMPTY: '' };
const ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-0e6a-AbCdEf';
const RDS_HOST = 'hostfactory.c1.eu-central-1.rds.amazonaws.com';

const login = { username: 'hfstorage', password: 'hunter2' };
const postgresql = { type: 'postgresql', host: 'db.example', name: 'hostfactory' };
const withIam = { ...postgresql, host: RDS_HOST, iam_authentication: true, username: 'hfstorage' };

const parse = (sql_strategy: unknown, strategy = 'sql') =>
  parseConfig({ storage: { strategy, sql_strategy } }, env).storage.sql_strategy;

function messageOf(sql_strategy: unknown): string {
  try {
    parse(sql_strategy);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message.replaceAll('storage.sql_strategy.', '');
  }
  throw new Error('The configuration was accepted.');
}

test.each([
  // The examples of SPEC.md.
  {
    type: 'sqlite',
    name: 'request_database.db',
    host: '',
    port: 0,
    pool_size: 5,
    max_overflow: 10,
    timeout: 30,
  },
  {
    type: 'postgresql',
    host: 'localhost',
    port: 5432,
    name: 'hostfactory',
    username: 'hostfactory_user',
    password: 'hunter2',
    pool_size: 20,
    max_overflow: 30,
    timeout: 60,
  },
  { pool_size: 20, max_overflow: 30, pool_timeout: 30, pool_recycle: 3600, enable_query_cache: true },
  // Boundary values.
  { name: '/var/lib/host factory/ü.db', username: '', password: '', iam_authentication: false },
  { name: 'filesystem.db' },
  { pool_size: 1, max_overflow: 0, pool_timeout: 0.5, pool_recycle: -1, timeout: 3600, query_cache_size: 1 },
  { pool_size: 1000, max_overflow: 1000, pool_recycle: 1, timeout: 0.001 },
  { ...postgresql, username: 'hfstorage' },
  { ...postgresql, ...login, port: 65_535, connection_proxy: true },
  { ...postgresql, password: ARN },
  { ...postgresql, password: ARN, username: 'hfstorage', region: 'us-east-1' },
  { ...postgresql, password: 'arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a/b+c=.@d' },
  withIam,
  { ...withIam, region: 'eu-central-1', sslmode: 'require' },
  { ...withIam, host: '127.0.0.1', sslmode: 'verify-ca', sslrootcert: 'ca.pem' },
  ...['10.0.0.1', '::1', 'fe80::1%eth0', 'db_1.example', '/var/run/postgresql'].map((host) => ({
    ...postgresql,
    ...login,
    host,
  })),
  { ...postgresql, ...login, host: '/var/run/postgresql', sslmode: 'disable' },
])('accepts %j', (sql_strategy) => {
  expect(parse(sql_strategy)).toMatchObject(sql_strategy);
});

const sqliteOnly = 'applies only to type postgresql, and type is sqlite; remove it, or set type to "postgresql"';
const plainFile = 'name must be a plain file: several connections cannot share an in-memory database or a file: URL';
const noControl = 'must have no line breaks or other control characters';
const noFallback = (mode: string) =>
  `sslmode must not be "${mode}", which silently falls back to no encryption; use "verify-full", or "disable" if no encryption is intended`;

test.each<unknown[]>([
  // A configuration, and its error message.
  [{ type: 'mysql' }, 'type must be "sqlite" or "postgresql", not "mysql"'],
  [{ colour: 5 }, 'colour is not a known key'],
  [{ pool_sise: 5 }, 'pool_sise is not a known key; did you mean pool_size?'],
  // SQLite.
  [{ name: '' }, 'name must not be empty'],
  [{ name: ':memory:' }, plainFile],
  [{ name: 'file:data.db?mode=memory' }, plainFile],
  [{ name: 'FILE:data.db' }, plainFile],
  [{ name: 'data.db\n' }, `name ${noControl}`],
  ...Object.entries({
    host: 'localhost',
    port: 5432,
    username: 'hfstorage',
    password: 'hunter2',
    iam_authentication: true,
    region: 'eu-central-1',
    sslmode: 'disable',
    sslrootcert: 'ca.pem',
    connection_proxy: true,
  }).map(([key, value]) => [{ [key]: value }, `${key} ${sqliteOnly}`]),
  // The server.
  [
    { type: 'postgresql' },
    'name is required with type postgresql: the name of the database; host is required with type postgresql; username is required unless password is the ARN of a secret',
  ],
  [{ ...postgresql, ...login, name: '' }, 'name is required with type postgresql: the name of the database'],
  [{ ...postgresql, ...login, host: '' }, 'host is required with type postgresql'],
  ...['db.example:5432', 'postgresql://db.example', 'a,b', 'db.example\n', '[::1]'].map((host) => [
    { ...postgresql, ...login, host },
    'host must be a host name, an IP address or the folder of a Unix socket; the port belongs in port',
  ]),
  [{ ...postgresql, ...login, port: -1 }, 'port must be at least 0'],
  [{ ...postgresql, ...login, port: 65_536 }, 'port must be at most 65535'],
  [{ ...postgresql, ...login, port: '5432' }, 'port must be a number, not "5432"'],
  // The login.
  [{ ...postgresql, password: 'hunter2' }, 'username is required unless password is the ARN of a secret'],
  [{ ...postgresql, ...login, username: 'hfstorage\n' }, `username ${noControl}`],
  [
    { ...postgresql, ...login, password: '${EMPTY}' },
    'password must not be empty; leave it out if the server requires none',
  ],
  // The message must not quote it.
  [{ ...postgresql, ...login, password: 12345 }, 'password must be a string'],
  [{ ...postgresql, ...login, password: null }, 'password must be a string'],
  ...[
    'arn:aws:ssm:eu-central-1:123456789012:parameter/password',
    'arn:aws:secretsmanager:eu-central-1:1234:secret:a',
  ].map((password) => [
    { ...postgresql, ...login, password },
    'password begins with arn: but is not the ARN of a secret, such as arn:aws:secretsmanager:eu-central-1:123456789012:secret:hostfactory',
  ]),
  [
    { ...postgresql, ...login, region: 'eu-central-1' },
    'region applies only to iam_authentication and to a password that is the ARN of a secret; remove it',
  ],
  [{ ...postgresql, password: ARN, region: 'Frankfurt!' }, 'region must be a region such as eu-central-1'],
  [{ ...withIam, username: undefined }, 'username is required with iam_authentication: the user with the role rds_iam'],
  [{ ...withIam, password: ARN }, 'password must be left out with iam_authentication, which uses none'],
  [
    { ...withIam, sslmode: 'disable' },
    'sslmode must not be "disable": with iam_authentication, RDS requires encryption',
  ],
  [
    { ...withIam, host: 'localhost' },
    'sslmode must not be "disable", the default for the host "localhost": with iam_authentication, RDS requires encryption',
  ],
  // Encryption.
  [{ ...postgresql, ...login, sslmode: 'allow' }, noFallback('allow')],
  [{ ...postgresql, ...login, sslmode: 'prefer' }, noFallback('prefer')],
  [
    { ...postgresql, ...login, sslmode: true },
    'sslmode must be "disable" or "require" or "verify-ca" or "verify-full", not true',
  ],
  [
    { ...postgresql, ...login, host: '/var/run/postgresql', sslmode: 'verify-full' },
    'sslmode must be "disable" or left out if host is the folder of a Unix socket, which has no TLS',
  ],
  [
    { ...postgresql, ...login, sslmode: 'disable', sslrootcert: 'ca.pem' },
    'sslrootcert has no effect with sslmode "disable"; remove it, or set sslmode to "verify-full"',
  ],
  [
    { ...postgresql, ...login, host: '127.0.0.1', sslrootcert: 'ca.pem' },
    'sslrootcert has no effect with sslmode "disable", the default for the host "127.0.0.1"; remove it, or set sslmode to "verify-full"',
  ],
  [{ ...postgresql, ...login, sslrootcert: '' }, 'sslrootcert must not be empty'],
  // Limits.
  [{ pool_size: 0 }, 'pool_size must be at least 1'],
  [{ pool_size: 1001 }, 'pool_size must be at most 1000'],
  [{ max_overflow: -1 }, 'max_overflow must be at least 0'],
  [{ pool_timeout: 0 }, 'pool_timeout must be more than 0'],
  [{ pool_recycle: 0 }, 'pool_recycle must be at least 1, or -1 for never'],
  [{ pool_recycle: -2 }, 'pool_recycle must be at least -1'],
  [{ timeout: -1 }, 'timeout must be more than 0'],
  [{ timeout: 30_000 }, 'timeout must be at most 3600'],
  [{ query_cache_size: 0 }, 'query_cache_size must be at least 1'],
])('refuses %j and says what to write', (sql_strategy, message) => {
  expect(messageOf(sql_strategy)).toBe(message);
});

test('a password comes from the environment', () => {
  expect(parse({ ...postgresql, ...login, password: '${DB_PASSWORD}' }).password).toBe('hunter2');
});

test('another store needs no section for SQL', () => {
  expect(parse(undefined, 'json')).toMatchObject({ type: 'sqlite', name: 'request_database.db' });
});

test.each([
  ['localhost', 'disable'],
  ['LocalHost', 'disable'],
  ['127.0.0.1', 'disable'],
  ['127.1.2.3', 'disable'],
  ['::1', 'disable'],
  ['/var/run/postgresql', 'disable'],
  ['db.example', 'verify-full'],
  ['localhost.example', 'verify-full'],
  ['127.example', 'verify-full'],
  ['10.0.0.1', 'verify-full'],
  ['::2', 'verify-full'],
])('the host %s has sslmode %s by default', (host, sslmode) => {
  expect(sslModeOf({ host })).toBe(sslmode);
  expect(sslModeOf({ host, sslmode: 'require' })).toBe('require');
});
