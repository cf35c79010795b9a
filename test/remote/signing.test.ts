import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../../lib/repository/errors.ts';
import { template } from '../contract/samples.ts';
import { withEnvironment } from './aws-environment.ts';
import { type RemoteApi, startRemoteApi } from './remote-api.ts';
import { scopeOf, signatureOf } from './signature-check.ts';

const REGION = 'eu-west-1';
const keys = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

let remote: RemoteApi;
beforeAll(async () => {
  const secrets = { [keys.AWS_ACCESS_KEY_ID]: keys.AWS_SECRET_ACCESS_KEY };
  remote = await startRemoteApi({ stage: '/prod', signed: { region: REGION, secrets } });
});
afterAll(() => remote.close());

describe('the check reproduces the signatures in AWS’s published test suite', () => {
  const scope = {
    date: '20150830',
    region: 'us-east-1',
    service: 'service',
    signedHeaders: ['host', 'x-amz-date'],
  };
  const headers = { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' };
  test.each([
    ['get-vanilla', '/', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    [
      'get-vanilla-query-order-key-case',
      '/?Param2=value2&Param1=value1',
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
  ])('%s', (_, target, signature) => {
    const request = { method: 'GET', target, headers, body: Buffer.alloc(0) };
    expect(signatureOf(request, scope, keys.AWS_SECRET_ACCESS_KEY)).toBe(signature);
  });
});

describe('the signed request is the sent request:', () => {
  const ids = [
    'plain',
    'a/b',
    'a%2Fb',
    '.',
    '..',
    '...',
    '../..',
    '/',
    '//',
    'ü 漢字 😀',
    '__proto__',
    "it's (all) *here*!",
    'a+b c',
    'a?b=c&d#e',
    '%',
    '~-_.',
    '"\\',
    ' ',
  ];
  test.each(ids)('the id %p', async (id) => {
    await withEnvironment(keys, async () => {
      const repository = remote.open({ region: REGION });
      const saved = await repository.saveEntity('templates', template({ template_id: id, name: "it's ü" }));
      expect(saved).toMatchObject({ template_id: id, version: 1 });
      expect(await repository.getEntity('templates', id)).toEqual(saved);
      const options = { expectedVersion: 1 };
      expect(await repository.updateEntity('templates', id, { name: 'b' }, options)).toMatchObject({ version: 2 });
      const filters = { template_id: id, name: ['b', 'a b+c', "'*()!~"], created_at: { gte: '2026-01-01T00:00:00Z' } };
      const { items } = await repository.queryEntities('templates', { filters, orderBy: '-created_at' });
      expect(items).toMatchObject([{ template_id: id }]);
      expect((await repository.countEntities('templates', { filters, groupBy: 'name' })).groups).toEqual({ b: 1 });
      await repository.deleteEntity('templates', id);
      expect(await remote.api.repository.getEntity('templates', id)).toBeUndefined();
    });
  });

  test('the signature covers preconditions, the body and a session token', async () => {
    const session = { ...keys, AWS_SESSION_TOKEN: 'a session token' };
    await withEnvironment(session, async () => {
      const repository = remote.open({ region: REGION });
      await repository.saveEntity('templates', template(), { expectedVersion: 0 });
      const { headers, body } = remote.gateway.last;
      const scope = scopeOf(headers.authorization);
      expect(scope).toMatchObject({ accessKeyId: 'AKIDEXAMPLE', region: REGION, service: 'execute-api' });
      expect(scope?.signedHeaders).toEqual([
        'content-type',
        'host',
        'if-none-match',
        'x-amz-content-sha256',
        'x-amz-date',
        'x-amz-security-token',
      ]);
      expect(headers['x-amz-security-token']).toBe('a session token');
      expect(body.length).toBeGreaterThan(10);
    });
  });

  test('every attempt is signed separately', async () => {
    await withEnvironment(keys, async () => {
      const { gateway } = remote;
      gateway.fate(/GET \/prod\/v1\/templates\/again/, 'lose request', { status: 503 });
      expect(await remote.open({ region: REGION }).getEntity('templates', 'again')).toBeUndefined();
      expect(gateway.calls.filter((call) => call.endsWith('/again'))).toHaveLength(3);
    });
  });
});

describe('a call that the gateway refuses says what to check:', () => {
  test.each([
    ['an unknown key', { ...keys, AWS_ACCESS_KEY_ID: 'AKIDOTHER' }, REGION, /security token.*--profile/],
    ['a wrong secret', { ...keys, AWS_SECRET_ACCESS_KEY: 'wrong' }, REGION, /signature.*secret key and the region/],
    ['another region', keys, 'us-east-1', /signature.*secret key and the region/],
  ])('%s', async (_, env, region, message) => {
    await withEnvironment(env, async () => {
      const { calls } = remote.gateway;
      const before = calls.length;
      const call = remote.open({ region }).getEntity('templates', 't');
      await expect(call).rejects.toMatchObject({
        code: 'access_denied',
        status: 403,
        retryable: false,
        message: expect.stringMatching(message),
      });
      expect(calls).toHaveLength(before + 1);
    });
  });

  test('a path without the stage', async () => {
    await withEnvironment(keys, async () => {
      const url = remote.gateway.url.replace('/prod', '');
      const call = remote.open({ url, region: REGION }).getEntity('templates', 't');
      await expect(call).rejects.toThrow(/nothing at this path.*such as \/prod/);
    });
  });

  test('a token, which is not a signature', async () => {
    const call = remote.open({ token: 'secret' }).getEntity('templates', 't');
    await expect(call).rejects.toThrow(/Missing Authentication Token.*HFSTORAGE_API_TOKEN is set.*unset it/);
  });

  test('no credentials at all: nothing is sent', async () => {
    await withEnvironment({}, async () => {
      const before = remote.gateway.calls.length;
      const call = remote.open({ region: REGION }).getEntity('templates', 't');
      await expect(call).rejects.toThrow(ConfigurationError);
      await expect(call).rejects.toThrow(/^No AWS credentials to sign the call with: .*--profile/);
      expect(remote.gateway.calls).toHaveLength(before);
    });
  });
});
