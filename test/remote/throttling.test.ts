/** 429: nothing was done, so every call is retried within its time limit. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { HttpRepository } from '../../lib/remote/http-repository.ts';
import { AnswerLostError } from '../../lib/remote/remote-errors.ts';
import { rejection } from '../contract/rejection.ts';
import { template } from '../contract/samples.ts';
import type { CannedAnswer } from './gateway.ts';
import { quick, type RemoteApi, startRemoteApi } from './remote-api.ts';

let remote: RemoteApi;
beforeAll(async () => {
  remote = await startRemoteApi();
});
afterEach(() => remote.gateway.calm());
afterAll(() => remote.close());

const plain = (headers: Record<string, string> = {}, message = 'Too Many Requests'): CannedAnswer => ({
  status: 429,
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify({ message }),
});
/** In the words of the deployed API's gateway responses. */
const problem = (headers: Record<string, string> = {}, detail = 'Too Many Requests'): CannedAnswer => ({
  status: 429,
  headers: { 'Content-Type': 'application/problem+json', ...headers },
  body: JSON.stringify({
    type: 'urn:hostfactory:problem:too_many_requests',
    title: 'The caller sends too many calls',
    status: 429,
    detail,
  }),
});

let count = 0;
const newTemplate = () => template({ template_id: `t-${++count}`, name: 'once' });

const calls: readonly (readonly [string, (repository: HttpRepository) => Promise<unknown>])[] = [
  ['a read', (repository) => repository.getEntity('templates', 't')],
  ['a write without a version', (repository) => repository.saveEntity('templates', newTemplate())],
  ['a write over a version', (repository) => repository.saveEntity('templates', newTemplate(), { expectedVersion: 0 })],
  ['a batch', (repository) => repository.saveEntities('templates', [newTemplate(), newTemplate()])],
  ['a transaction', (repository) => repository.transaction((tx) => tx.saveEntity('templates', newTemplate()))],
];

describe.each<[string, () => CannedAnswer]>([
  ['without a body', () => ({ status: 429 })],
  ['of API Gateway', () => plain()],
  ['of the deployed API', () => problem()],
  ['with seconds to wait', () => problem({ 'Retry-After': '0' })],
])('429 %s', (_, answer) => {
  test.each(calls)('%s is retried and executed once', async (_name, call) => {
    remote.gateway.fate(/./, answer(), answer());
    await call(remote.open());
    const { items } = await remote.api.repository.queryEntities('templates', {
      filters: { name: 'once' },
      limit: 1000,
    });
    expect(items).toHaveLength(count);
    for (const { version } of items) expect(version).toBe(1);
  });
});

test.each([
  ['seconds', () => '1'],
  // It has whole seconds: more than one remains.
  ['a date', () => new Date(Date.now() + 2_000).toUTCString()],
])('Retry-After in %s is respected', async (_, wait) => {
  remote.gateway.fate(/./, problem({ 'Retry-After': wait() }));
  const start = performance.now();
  expect(await remote.open().getEntity('templates', 't')).toBeUndefined();
  expect(performance.now() - start).toBeGreaterThanOrEqual(950);
});

test('Retry-After beyond the time of the call ends it at once', async () => {
  const before = remote.gateway.calls.length;
  remote.gateway.fate(/./, problem({ 'Retry-After': '3600' }));
  const error = await rejection(remote.open().saveEntity('templates', newTemplate()));
  expect(error).toMatchObject({ code: 'storage_unavailable', retryable: true });
  expect(error).not.toBeInstanceOf(AnswerLostError);
  expect(error.message).toMatch(
    /receives too many calls now \(429: Too Many Requests\) and asks to wait 3600 s\. Try again/,
  );
  expect(remote.gateway.calls).toHaveLength(before + 1);
});

test.each<[string, (message?: string) => CannedAnswer]>([
  ['of API Gateway', (message) => plain({}, message)],
  ['of the deployed API', (message) => problem({}, message)],
])('after the last attempt, 429 %s names the limit', async (_, answer) => {
  const attempts = Array.from({ length: quick.attempts });
  const failing = async (message: string): Promise<Error> => {
    remote.gateway.fate(/PUT/, ...attempts.map(() => answer(message)));
    return rejection(remote.open().saveEntity('templates', newTemplate()));
  };
  const rate = await failing('Too Many Requests');
  expect(rate.message).toMatch(/\(429: Too Many Requests\)\. Try again in a while .*api\.throttling.*usage plan/);
  const quota = await failing('Limit Exceeded');
  expect(quota.message).toMatch(/\(429: Limit Exceeded\)\. Try again when the quota .*daily_quota/);
  for (const error of [rate, quota]) {
    expect(error).toMatchObject({ code: 'storage_unavailable', retryable: true });
    expect(error).not.toBeInstanceOf(AnswerLostError);
    expect(error.message.startsWith(remote.gateway.url)).toBe(true);
  }
});

test('after a lost answer and then 429, the outcome is unknown', async () => {
  const attempts = Array.from({ length: quick.attempts - 1 });
  remote.gateway.fate(/PUT/, 'lose answer', ...attempts.map(() => problem()));
  const saved = remote.open().saveEntity('templates', newTemplate(), { expectedVersion: 0 });
  const error = await rejection(saved);
  expect(error).toBeInstanceOf(AnswerLostError);
  expect(error.message).toMatch(/may have been stored or not: .*\(429: Too Many Requests\)\. Read the stored entities/);
});
