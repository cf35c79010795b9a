import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openRemoteRepository } from '../../lib/remote/open-remote.ts';
import { parseRemote, regionOfHost } from '../../lib/remote/remote-target.ts';
import { ConfigurationError } from '../../lib/repository/errors.ts';
import { rejection } from '../contract/rejection.ts';
import { type RemoteApi, startRemoteApi } from './remote-api.ts';

describe('the URL', () => {
  test.each([
    ['https://abc.execute-api.eu-west-1.amazonaws.com/prod', { basePath: '/prod', port: 443, secure: true }],
    ['https://abc.execute-api.eu-west-1.amazonaws.com/prod/v1/', { basePath: '/prod', loopback: false }],
    ['https://hf.example.com:8443', { basePath: '', port: 8443, host: 'hf.example.com:8443' }],
    ['http://127.0.0.1:8080/', { basePath: '', port: 8080, secure: false, loopback: true }],
    ['http://[::1]:8080', { hostname: '::1', host: '[::1]:8080', loopback: true }],
    ['http://localhost', { port: 80, loopback: true }],
  ])('%s', (url, target) => {
    expect(parseRemote(url)).toMatchObject(target);
  });

  test.each([
    ['abc', /^The remote "abc" is not a URL\. Give one such as https:\/\//],
    ['ftp://example.com', /must begin with https:\/\//],
    ['http://example.com', /unencrypted\. Use https/],
    ['http://10.0.0.1:8080', /unencrypted/],
    ['http://127.0.0.1.example.com', /unencrypted/],
    ['https://user:password@example.com', /^The remote "https:\/\/example\.com" must not carry a user or password/],
    ['https://example.com/?a=b', /remove everything from/],
    ['https://example.com/#a', /remove everything from/],
  ])('%s cannot be used', (url, message) => {
    expect(() => parseRemote(url)).toThrow(ConfigurationError);
    expect(() => parseRemote(url)).toThrow(message);
  });
});

test.each([
  ['abc.execute-api.eu-west-1.amazonaws.com', 'eu-west-1'],
  ['abc-vpce-012.execute-api.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
  ['vpce-012-abc.execute-api.us-east-1.vpce.amazonaws.com', 'us-east-1'],
  ['abc.execute-api.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
  ['abc.execute-api.eu-west-1.amazonaws.com.example.org', undefined],
  ['hf.example.com', undefined],
])('the host %s contains the region %s', (host, region) => {
  expect(regionOfHost(host)).toBe(region);
});

describe('authorization', () => {
  const secret = 'a-token';
  let remote: RemoteApi;
  beforeAll(async () => {
    remote = await startRemoteApi({ token: secret });
  });
  afterAll(() => remote.close());

  test('the token comes from the options, or from HFSTORAGE_API_TOKEN', async () => {
    expect(await remote.open({ token: secret }).getEntity('templates', 't')).toBeUndefined();
    await using repository = openRemoteRepository({ url: remote.gateway.url }, { HFSTORAGE_API_TOKEN: secret });
    expect(await repository.getEntity('templates', 't')).toBeUndefined();
  });

  test('a wrong token, or none, is unauthorized', async () => {
    for (const token of ['wrong', undefined]) {
      const error = await rejection(remote.open({ token }).getEntity('templates', 't'));
      expect(error).toMatchObject({ code: 'unauthorized', status: 401, retryable: false });
    }
  });

  test('a token that cannot be sent in a header', () => {
    const open = () => openRemoteRepository({ url: remote.gateway.url, token: 'a\nb' }, {});
    expect(open).toThrow('The token (HFSTORAGE_API_TOKEN) must consist of visible ASCII characters without spaces.');
  });

  test('a custom domain does not contain its region', () => {
    const url = 'https://hf.example.com';
    expect(() => openRemoteRepository({ url }, {})).toThrow(/--remote-region or AWS_REGION/);
    expect(() => openRemoteRepository({ url }, { AWS_REGION: '' })).toThrow(ConfigurationError);
    for (const env of [
      { AWS_REGION: 'eu-west-1' },
      { AWS_DEFAULT_REGION: 'eu-west-1' },
      { HFSTORAGE_API_TOKEN: 'a' },
    ]) {
      expect(openRemoteRepository({ url }, env).api.target.hostname).toBe('hf.example.com');
    }
    expect(openRemoteRepository({ url, region: 'eu-west-1' }, {}).api.target.secure).toBe(true);
  });
});
