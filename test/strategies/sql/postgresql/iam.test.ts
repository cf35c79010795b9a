import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ConfigurationError } from '../../../../lib/repository/errors.ts';
import { regionOfRdsHost } from '../../../../lib/strategies/sql/postgresql/iam-credentials.ts';
import { CA } from './certificates.ts';
import { NOBODYS_CREDENTIALS, setEnvironment } from './environment.ts';
import { type PasswordRecorder, startPasswordRecorder } from './password-recorder.ts';
import { settingsFor } from './settings.ts';

const HOST = 'hostfactory.c1.eu-central-1.rds.amazonaws.com';
const login = { iam_authentication: true, username: 'hfstorage app' };
const NO_OTHER_CREDENTIALS = {
  AWS_CONFIG_FILE: '/nonexistent',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
  AWS_EC2_METADATA_DISABLED: 'true',
};

let restore: () => void;
beforeEach(() => {
  restore = setEnvironment({ ...NOBODYS_CREDENTIALS, ...NO_OTHER_CREDENTIALS, AWS_REGION: 'us-west-2' });
});
afterEach(() => restore());

/** The parts of a token: the address and the query of a URL without a scheme. */
function partsOf(token: string): Record<string, string> {
  const { host, pathname, searchParams } = new URL(`https://${token}`);
  return { host, pathname, ...Object.fromEntries(searchParams) };
}

const tokenParts = {
  pathname: '/',
  Action: 'connect',
  DBUser: 'hfstorage app',
  'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
  'X-Amz-Date': expect.stringMatching(/^\d{8}T\d{6}Z$/),
  'X-Amz-Expires': '900',
  'X-Amz-Security-Token': 'session',
  'X-Amz-SignedHeaders': 'host',
  'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/),
};

const signedFor = (region: string) => expect.stringMatching(`^AKIANOBODY/\\d{8}/${region}/rds-db/aws4_request$`);

test('a token names the host, the port, the user and the region of the host', async () => {
  const settings = await settingsFor({ ...login, host: HOST, port: 6543 });
  expect(settings).toMatchObject({
    passwordMayChange: true,
    client: { host: HOST, port: 6543, user: 'hfstorage app', ssl: { rejectUnauthorized: true } },
  });
  expect(partsOf(await settings.client.password())).toMatchObject({
    ...tokenParts,
    host: `${HOST}:6543`,
    'X-Amz-Credential': signedFor('eu-central-1'),
  });
});

test('a configured region takes precedence, and the usual one of AWS applies if the host has none', async () => {
  const written = await settingsFor({ ...login, host: HOST, region: 'ap-south-1' });
  expect(partsOf(await written.client.password())['X-Amz-Credential']).toEqual(signedFor('ap-south-1'));
  const usual = await settingsFor({ ...login, host: 'db.example' });
  expect(partsOf(await usual.client.password())).toMatchObject({
    host: 'db.example:5432',
    'X-Amz-Credential': signedFor('us-west-2'),
  });
});

test.each([
  [HOST, 'eu-central-1'],
  ['hostfactory.cluster-ro-c1.us-gov-west-1.rds.amazonaws.com', 'us-gov-west-1'],
  ['hostfactory.proxy-c1.eu-central-1.rds.amazonaws.com', 'eu-central-1'],
  ['hostfactory.c1.cn-north-1.rds.amazonaws.com.cn', 'cn-north-1'],
  ['hostfactory.c1.rds.cn-northwest-1.amazonaws.com.cn', 'cn-northwest-1'],
  ['db.example', undefined],
  ['eu-central-1.rds.amazonaws.com.example', undefined],
])('the region of %s is %s', (host, region) => {
  expect(regionOfRdsHost(host)).toBe(region);
});

test('a token with new credentials is created after one was refused', async () => {
  const settings = await settingsFor({ ...login, host: HOST });
  process.env.AWS_ACCESS_KEY_ID = 'AKIAOTHER';
  settings.forgetPassword();
  expect(partsOf(await settings.client.password())['X-Amz-Credential']).toMatch(/^AKIAOTHER\//);
});

test('missing AWS settings are reported', async () => {
  delete process.env.AWS_REGION;
  const nowhere = settingsFor({ ...login, host: 'db.example' });
  await expect(nowhere).rejects.toThrow(ConfigurationError);
  await expect(nowhere).rejects.toThrow(
    'Cannot create an IAM token for the database at db.example. Its region is not known: set sql_strategy.region or AWS_REGION.',
  );
  delete process.env.AWS_ACCESS_KEY_ID;
  const nobody = settingsFor({ ...login, host: HOST });
  await expect(nobody).rejects.toThrow(ConfigurationError);
  await expect(nobody).rejects.toThrow(
    `Cannot create an IAM token for the database at ${HOST}. There are no AWS credentials: set a profile, a role or AWS_ACCESS_KEY_ID.`,
  );
});

describe('at a server', () => {
  let server: PasswordRecorder;
  beforeEach(async () => {
    server = await startPasswordRecorder();
  });
  afterEach(async () => server.stop());

  test('every connection sends its own token as the password, over TLS', async () => {
    const { port } = server;
    const settings = await settingsFor({ ...login, host: 'localhost', port, sslmode: 'verify-full', sslrootcert: CA });
    for (let i = 0; i < 2; i++) {
      const client = new pg.Client(settings.client);
      await client.connect();
      await client.end();
    }
    expect(server.logins).toHaveLength(2);
    for (const { user, password } of server.logins) {
      expect(user).toBe('hfstorage app');
      expect(partsOf(password)).toMatchObject({ ...tokenParts, host: `localhost:${port}` });
    }
  });
});
