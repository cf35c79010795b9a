import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ConfigurationError, StorageUnavailableError } from '../../../../lib/repository/errors.ts';
import { needBackend } from '../../../backends/backend.ts';
import { NOBODYS_CREDENTIALS, setEnvironment } from './environment.ts';
import { type SecretsManagerStub, startSecretsManagerStub } from './secrets-manager-stub.ts';
import { settingsFor } from './settings.ts';

await needBackend('s3');

// Not that of AWS_REGION: it must come from the ARN.
const REGION = 'eu-central-1';
const ARN = `arn:aws:secretsmanager:${REGION}:123456789012:secret:hostfactory-AbCdEf`;
const ADVICE = 'Make it the password, or a JSON object with "username" and "password".';
const KEPT_MS = 5 * 60_000;
const RETRY_MS = 30_000;

let restore: () => void;
afterEach(() => restore());

const open = (password: string, keys: Readonly<Record<string, unknown>> = {}) =>
  settingsFor({ host: 'db.example', password, ...keys });

describe('in Secrets Manager', () => {
  let manager: SecretsManagerClient;
  let arn: string;

  const create = async (secret: { SecretString?: string; SecretBinary?: Uint8Array }): Promise<string> => {
    const { ARN = '' } = await manager.send(new CreateSecretCommand({ Name: `hfstorage/${randomUUID()}`, ...secret }));
    arn = ARN;
    return ARN;
  };
  const rotate = (SecretString: string) => manager.send(new PutSecretValueCommand({ SecretId: arn, SecretString }));

  beforeEach(() => {
    restore = setEnvironment({ AWS_ENDPOINT_URL_SECRETS_MANAGER: process.env.HFSTORAGE_TEST_S3_ENDPOINT });
    arn = '';
    manager = new SecretsManagerClient({ region: REGION });
  });
  afterEach(async () => {
    if (arn !== '') await manager.send(new DeleteSecretCommand({ SecretId: arn, ForceDeleteWithoutRecovery: true }));
    manager.destroy();
  });

  test('a secret that is JSON names user and password', async () => {
    const settings = await open(
      await create({ SecretString: '{"username":"hfstorage","password":"hunter2","port":5432}' }),
    );
    expect(settings).toMatchObject({ client: { user: 'hfstorage' }, passwordMayChange: true });
    expect(await settings.client.password()).toBe('hunter2');
  });

  test.each(['hunter2', '12345', '"quoted"', '{broken'])('the secret %j is a password', async (text) => {
    const settings = await open(await create({ SecretString: text }), { username: 'hfstorage' });
    expect(settings.client.user).toBe('hfstorage');
    expect(await settings.client.password()).toBe(text);
  });

  test('the user may be named twice', async () => {
    const secret = await create({ SecretString: '{"username":"hfstorage","password":"hunter2"}' });
    expect((await open(secret, { username: 'hfstorage' })).client.user).toBe('hfstorage');
  });

  test.each([
    ['{"username":"hfstorage","pass":"hunter2"}', undefined, `is a JSON object without a "password". ${ADVICE}`],
    ['{"username":"hfstorage","password":2}', undefined, `is a JSON object without a "password". ${ADVICE}`],
    ['["hunter2"]', 'hfstorage', `is a JSON object without a "password". ${ADVICE}`],
    [
      '{"password":"hunter2"}',
      undefined,
      `is a JSON object without a "username", and sql_strategy.username is not set. ${ADVICE}`,
    ],
    ['hunter2', undefined, `names no user, and sql_strategy.username is not set. ${ADVICE}`],
    [
      '{"username":"other","password":"hunter2"}',
      'hfstorage',
      'is the login of other, but sql_strategy.username is hfstorage. Remove sql_strategy.username, or name the secret of that user.',
    ],
  ])('the secret %j with the user %j is refused', async (text, username, problem) => {
    const secret = await create({ SecretString: text });
    const opening = open(secret, { username });
    await expect(opening).rejects.toThrow(ConfigurationError);
    await expect(opening).rejects.toThrow(new Error(`The secret ${secret} ${problem}`));
    await expect(opening).rejects.toHaveProperty('message', expect.not.stringContaining('hunter2'));
  });

  test('a secret of bytes is refused', async () => {
    const secret = await create({ SecretBinary: Buffer.from('hunter2') });
    await expect(open(secret)).rejects.toThrow(`The secret ${secret} holds no text. ${ADVICE}`);
  });

  test('a missing secret is reported', async () => {
    const missing = open(ARN);
    await expect(missing).rejects.toThrow(ConfigurationError);
    await expect(missing).rejects.toThrow(
      `Cannot read the secret ${ARN}. It does not exist or has no value: create it, or correct sql_strategy.password and sql_strategy.region.`,
    );
  });

  test('a secret is read in the configured region', async () => {
    const secret = await create({ SecretString: '{"username":"hfstorage","password":"hunter2"}' });
    await expect(open(secret, { region: 'us-east-1' })).rejects.toThrow('It does not exist');
  });

  test('after a password is forgotten, that of the rotated secret is fetched', async () => {
    const settings = await open(await create({ SecretString: '{"username":"hfstorage","password":"first"}' }));
    await rotate('{"username":"hfstorage","password":"second"}');
    expect(await settings.client.password()).toBe('first');
    settings.forgetPassword();
    expect(await settings.client.password()).toBe('second');
  });
});

describe('with a fake Secrets Manager that counts calls', () => {
  let manager: SecretsManagerStub;
  let now: number;
  const login = (username: string, password: string) => ({ secret: JSON.stringify({ username, password }) });

  beforeEach(async () => {
    manager = await startSecretsManagerStub();
    manager.answer = login('hfstorage', 'first');
    restore = setEnvironment({ ...NOBODYS_CREDENTIALS, AWS_ENDPOINT_URL_SECRETS_MANAGER: manager.endpoint });
    now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now);
  });
  afterEach(async () => manager.stop());

  test('a secret is kept for 5 minutes', async () => {
    const settings = await open(ARN);
    manager.answer = login('hfstorage', 'second');
    now += KEPT_MS - 1;
    expect(await settings.client.password()).toBe('first');
    expect(manager.calls).toBe(1);
    now += 1;
    expect(await settings.client.password()).toBe('second');
    expect(manager.calls).toBe(2);
  });

  test('concurrent connections share a fetch', async () => {
    const settings = await open(ARN);
    settings.forgetPassword();
    const passwords = await Promise.all(Array.from({ length: 5 }, () => settings.client.password()));
    expect(passwords).toEqual(Array(5).fill('first'));
    expect(manager.calls).toBe(2);
  });

  test('a fetch that began before a password was refused does not restore it', async () => {
    const settings = await open(ARN);
    now += KEPT_MS;
    const { promise, resolve } = Promise.withResolvers<{ secret: string }>();
    manager.answer = promise;
    const before = settings.client.password();
    while (manager.calls < 2) await sleep(1);
    settings.forgetPassword();
    manager.answer = login('hfstorage', 'second');
    expect(await settings.client.password()).toBe('second');
    resolve(login('hfstorage', 'first'));
    expect(await before).toBe('first');
    expect(await settings.client.password()).toBe('second');
    expect(manager.calls).toBe(3);
  });

  test('if a refresh fails, the kept password is used, and the next refresh waits', async () => {
    const settings = await open(ARN);
    manager.answer = { status: 400, error: 'AccessDeniedException' };
    now += KEPT_MS;
    expect(await settings.client.password()).toBe('first');
    expect(await settings.client.password()).toBe('first');
    expect(manager.calls).toBe(2);
    manager.answer = login('hfstorage', 'second');
    now += RETRY_MS;
    expect(await settings.client.password()).toBe('second');
  });

  test('a refused password is not used again if a refresh fails', async () => {
    const settings = await open(ARN);
    manager.answer = { status: 400, error: 'AccessDeniedException' };
    settings.forgetPassword();
    await expect(settings.client.password()).rejects.toThrow('Access is denied');
    manager.answer = login('hfstorage', 'second');
    expect(await settings.client.password()).toBe('second');
  });

  test('a rotation between two users lets connections being opened finish with the former', async () => {
    const settings = await open(ARN);
    const { client } = settings;
    manager.answer = login('hfstorage_clone', 'second');
    now += KEPT_MS;
    expect(await client.password()).toBe('first');
    expect(settings.client.user).toBe('hfstorage_clone');
    expect(await settings.client.password()).toBe('second');
    settings.forgetPassword();
    await expect(client.password()).rejects.toThrow(StorageUnavailableError);
    await expect(client.password()).rejects.toThrow(
      `The secret ${ARN} has changed from the user hfstorage to hfstorage_clone while a connection was made. Connect again.`,
    );
  });

  test('the region is that of the ARN, or the configured one', async () => {
    await open(ARN);
    expect(manager.region).toBe(REGION);
    await open(ARN, { region: 'ap-south-1' });
    expect(manager.region).toBe('ap-south-1');
  });

  test.each([
    ['AccessDeniedException', 'Access is denied: grant this role secretsmanager:GetSecretValue, and kms:Decrypt'],
    ['InvalidRequestException', 'InvalidRequestException: This is InvalidRequestException.'],
    ['UnrecognizedClientException', 'UnrecognizedClientException: This is UnrecognizedClientException.'],
  ])('a refusal, %s, is a configuration error', async (error, message) => {
    manager.answer = { status: 400, error };
    const opening = open(ARN);
    await expect(opening).rejects.toThrow(ConfigurationError);
    await expect(opening).rejects.toThrow(`Cannot read the secret ${ARN}. ${message}`);
    expect(manager.calls).toBe(1);
  });

  test.each([
    [400, 'ThrottlingException'],
    [500, 'InternalServiceError'],
  ])('a transient answer, %i %s, may be retried later', async (status, error) => {
    manager.answer = { status, error };
    const opening = open(ARN);
    await expect(opening).rejects.toThrow(StorageUnavailableError);
    await expect(opening).rejects.toThrow(
      `Cannot read the secret ${ARN}. ${error}: This is ${error}. Try again later.`,
    );
    expect(manager.calls).toBe(3);
  });

  test('if AWS cannot be reached, a later call may succeed', async () => {
    process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER = 'http://127.0.0.1:1';
    const opening = open(ARN);
    await expect(opening).rejects.toThrow(StorageUnavailableError);
    await expect(opening).rejects.toThrow(
      /^Cannot read the secret .*connect ECONNREFUSED 127.0.0.1:1. Try again later.$/,
    );
  });
});
