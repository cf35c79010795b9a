import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { type OwnPostgresql, startOwnPostgresql } from '../../../backends/postgresql.ts';
import { NOBODYS_CREDENTIALS, setEnvironment } from './environment.ts';
import { type SecretsManagerStub, startSecretsManagerStub } from './secrets-manager-stub.ts';
import { settingsFor, whoConnects } from './settings.ts';

const ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:hostfactory-AbCdEf';

let server: OwnPostgresql;
let manager: SecretsManagerStub;
let restore: () => void;

beforeEach(async () => {
  [server, manager] = await Promise.all([startOwnPostgresql(), startSecretsManagerStub()]);
  restore = setEnvironment({ ...NOBODYS_CREDENTIALS, AWS_ENDPOINT_URL_SECRETS_MANAGER: manager.endpoint });
});
afterEach(async () => {
  restore();
  await Promise.all([server.remove(), manager.stop()]);
});

async function administer(sql: string): Promise<void> {
  const client = new pg.Client(server.url);
  await client.connect();
  await client.query(sql);
  await client.end();
}

test('a rotated password is refused once, and after forgetting it the new one is accepted', async () => {
  await administer("CREATE ROLE app LOGIN PASSWORD 'first'");
  manager.answer = { secret: '{"username":"app","password":"first"}' };
  const settings = await settingsFor({ host: server.host, port: server.port, password: ARN });
  expect(await whoConnects(settings)).toMatchObject({ user: 'app' });

  await administer("ALTER ROLE app PASSWORD 'second'");
  manager.answer = { secret: '{"username":"app","password":"second"}' };
  // invalid_password
  await expect(whoConnects(settings)).rejects.toMatchObject({ code: '28P01' });
  settings.forgetPassword();
  expect(await whoConnects(settings)).toMatchObject({ user: 'app' });
  expect(manager.calls).toBe(2);
});

test('a failure to fetch the password is the error of the connection', async () => {
  manager.answer = { secret: '{"username":"app","password":"first"}' };
  const settings = await settingsFor({ host: server.host, port: server.port, password: ARN });
  settings.forgetPassword();
  manager.answer = { status: 400, error: 'ResourceNotFoundException' };
  await expect(whoConnects(settings)).rejects.toMatchObject({ code: 'configuration_invalid' });
});
