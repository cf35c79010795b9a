import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type OwnPostgresql, startOwnPostgresql } from '../../../backends/postgresql.ts';
import { CA, LOCALHOST, OTHER_CA } from './certificates.ts';
import { settingsFor, whoConnects } from './settings.ts';

// The certificate is for the name localhost: to a client that connects to 127.0.0.1, it is that of another server.
const RIGHT_NAME = 'localhost';
const OTHER_NAME = '127.0.0.1';

const WRONG_NAME = { code: 'ERR_TLS_CERT_ALTNAME_INVALID' };
const WRONG_CA = { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' };

let server: OwnPostgresql;
const connect = async (keys: Readonly<Record<string, unknown>>) => {
  const { port, user: username, password } = server;
  return whoConnects(await settingsFor({ port, username, password, ...keys }));
};

describe('a server with a certificate', () => {
  beforeAll(async () => {
    server = await startOwnPostgresql({ ssl: LOCALHOST });
  });
  afterAll(async () => server.remove());

  test.each([
    [{ sslmode: 'verify-full', host: RIGHT_NAME, sslrootcert: CA }],
    [{ sslmode: 'verify-ca', host: RIGHT_NAME, sslrootcert: CA }],
    [{ sslmode: 'verify-ca', host: OTHER_NAME, sslrootcert: CA }],
    [{ sslmode: 'require', host: OTHER_NAME, sslrootcert: CA }],
    [{ sslmode: 'require', host: RIGHT_NAME }],
    [{ sslmode: 'require', host: OTHER_NAME }],
  ])('is connected to with TLS by %j', async (keys) => {
    expect(await connect(keys)).toEqual({ user: server.user, tls: true });
  });

  test.each([
    [{ sslmode: 'verify-full', host: OTHER_NAME, sslrootcert: CA }, WRONG_NAME],
    [{ sslmode: 'verify-full', host: RIGHT_NAME, sslrootcert: OTHER_CA }, WRONG_CA],
    [{ sslmode: 'verify-ca', host: RIGHT_NAME, sslrootcert: OTHER_CA }, WRONG_CA],
    // As with libpq.
    [{ sslmode: 'require', host: RIGHT_NAME, sslrootcert: OTHER_CA }, WRONG_CA],
    // Node's own CAs do not know it.
    [{ sslmode: 'verify-full', host: RIGHT_NAME }, WRONG_CA],
    [{ sslmode: 'verify-ca', host: RIGHT_NAME }, WRONG_CA],
  ])('is refused by %j', async (keys, error) => {
    await expect(connect(keys)).rejects.toMatchObject(error);
  });

  test.each([RIGHT_NAME, OTHER_NAME])('is connected to without TLS at %s, this machine', async (host) => {
    expect(await connect({ host })).toEqual({ user: server.user, tls: false });
  });
});

describe('a server without TLS', () => {
  beforeAll(async () => {
    server = await startOwnPostgresql();
  });
  afterAll(async () => server.remove());

  test.each(['require', 'verify-ca', 'verify-full'])('is refused by %s', async (sslmode) => {
    await expect(connect({ sslmode, host: RIGHT_NAME })).rejects.toThrow('The server does not support SSL connections');
    await expect(connect({ sslmode, host: RIGHT_NAME, sslrootcert: CA })).rejects.toThrow('does not support SSL');
  });

  test('is connected to by disable', async () => {
    expect(await connect({ sslmode: 'disable', host: RIGHT_NAME })).toEqual({ user: server.user, tls: false });
  });
});
