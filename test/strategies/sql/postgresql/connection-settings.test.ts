import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ConfigurationError } from '../../../../lib/repository/errors.ts';
import { CA, OTHER_CA } from './certificates.ts';
import { settingsFor } from './settings.ts';

const login = { username: 'hfstorage', password: 'hunter2' };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-settings-'));
});
afterEach(async () => rm(folder, { recursive: true }));

test('a password in the configuration is used unchanged', async () => {
  const settings = await settingsFor({ ...login, host: 'db.example', port: 6543, name: 'hostfactory' });
  expect(settings).toMatchObject({
    client: { host: 'db.example', port: 6543, database: 'hostfactory', user: 'hfstorage' },
    passwordMayChange: false,
  });
  settings.forgetPassword();
  expect(await settings.client.password()).toBe('hunter2');
});

test('the port is 5432 if it is omitted or 0', async () => {
  expect((await settingsFor({ ...login, host: 'db.example' })).client.port).toBe(5432);
  expect((await settingsFor({ ...login, host: '/run/postgresql', port: 0 })).client.port).toBe(5432);
});

test('the password does not appear in printed settings', async () => {
  const settings = await settingsFor({ ...login, host: 'db.example' });
  expect(inspect(settings, { depth: 9 }) + inspect(settings.client, { depth: 9 })).not.toContain('hunter2');
  expect(JSON.stringify([settings, settings.client])).not.toContain('hunter2');
});

test('a missing password is an error only if the server asks for one', async () => {
  const settings = await settingsFor({ host: 'localhost', username: 'hfstorage' });
  const asked = settings.client.password();
  await expect(asked).rejects.toThrow(ConfigurationError);
  await expect(asked).rejects.toThrow(
    'The PostgreSQL server at localhost asks for a password, and none is configured. Set sql_strategy.password or sql_strategy.iam_authentication.',
  );
});

const verified = { rejectUnauthorized: true };
const anyName = { ...verified, checkServerIdentity: expect.any(Function) };
const ownCa = { secureContext: expect.anything() };

test.each([
  [{ host: 'localhost' }, false],
  [{ host: '/run/postgresql' }, false],
  [{ host: 'db.example', sslmode: 'disable' }, false],
  [{ host: 'db.example', sslmode: 'require' }, { rejectUnauthorized: false }],
  [{ host: 'db.example', sslmode: 'verify-ca' }, anyName],
  [{ host: 'db.example', sslmode: 'verify-full' }, verified],
  [{ host: 'db.example' }, verified],
  [{ host: 'localhost', sslmode: 'verify-full' }, verified],
  [
    { host: 'db.example', sslrootcert: CA },
    { ...verified, ...ownCa },
  ],
  [
    { host: 'db.example', sslmode: 'verify-ca', sslrootcert: CA },
    { ...anyName, ...ownCa },
  ],
  // As with libpq.
  [
    { host: 'db.example', sslmode: 'require', sslrootcert: CA },
    { ...anyName, ...ownCa },
  ],
])('%j connects with the TLS options %j', async (keys, ssl) => {
  expect((await settingsFor({ ...login, ...keys })).client.ssl).toEqual(ssl);
});

test('a file of CA certificates may hold several, with text between them', async () => {
  const file = join(folder, 'bundle.pem');
  await writeFile(file, `Other:\r\n${await readFile(OTHER_CA, 'utf8')}\nOurs:\n${await readFile(CA, 'utf8')}`);
  expect((await settingsFor({ ...login, host: 'db.example', sslrootcert: file })).client.ssl).toMatchObject(verified);
});

test.each([
  ['no text', 'it holds no certificate in PEM'],
  ['-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----', 'it holds no certificate in PEM'],
  ['-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----', 'its certificate 1 cannot be read'],
])('a file of CA certificates with %j is refused', async (text, reason) => {
  const sslrootcert = join(folder, 'ca.pem');
  await writeFile(sslrootcert, text);
  const opening = settingsFor({ ...login, host: 'db.example', sslrootcert });
  await expect(opening).rejects.toThrow(ConfigurationError);
  await expect(opening).rejects.toThrow(
    `The CA certificates in ${sslrootcert} cannot be used: ${reason}. Correct sql_strategy.sslrootcert.`,
  );
});

test('a missing file of CA certificates is reported', async () => {
  const missing = settingsFor({ ...login, host: 'db.example', sslrootcert: join(folder, 'none.pem') });
  await expect(missing).rejects.toMatchObject({ code: 'configuration_invalid' });
  await expect(missing).rejects.toThrow('none.pem cannot be used: there is no such file.');
  await expect(settingsFor({ ...login, host: 'db.example', sslrootcert: folder })).rejects.toThrow('it is a folder');
});
