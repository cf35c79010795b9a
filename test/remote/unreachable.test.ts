/** Services that cannot be reached over TLS. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ConfigurationError, StorageUnavailableError } from '../../lib/repository/errors.ts';
import { rejection } from '../contract/rejection.ts';
import { template } from '../contract/samples.ts';
import { LOCALHOST } from '../strategies/sql/postgresql/certificates.ts';
import { type RemoteApi, startRemoteApi } from './remote-api.ts';

let remote: RemoteApi;
let secure: Server;
let calls = 0;
beforeAll(async () => {
  remote = await startRemoteApi();
  const [cert, key] = [await readFile(LOCALHOST.certFile), await readFile(LOCALHOST.keyFile)];
  secure = createServer({ cert, key }, (_, response) => {
    calls += 1;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(secure, 'listening');
});
afterAll(async () => {
  secure.close();
  await remote.close();
});

/** The error of a write to a service at a URL. */
const failure = (url: string) => rejection(remote.open({ url, token: 't' }).saveEntity('templates', template()));

test('an untrusted certificate: nothing is sent', async () => {
  const error = await failure(`https://localhost:${(secure.address() as AddressInfo).port}`);
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toMatch(/^The certificate of localhost cannot be verified: .*NODE_EXTRA_CA_CERTS\.$/);
  expect(calls).toBe(0);
});

test('a service without TLS', async () => {
  const error = await failure(remote.gateway.url.replace('http:', 'https:'));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toMatch(/ does not speak TLS\. Check the URL/);
});

test('a host that does not exist', async () => {
  const error = await failure('https://no-such-host.invalid');
  expect(error).toBeInstanceOf(StorageUnavailableError);
  expect(error.message).toMatch(/^https:\/\/no-such-host\.invalid cannot be reached: /);
});
