import { describe, expect, test } from '@jest/globals';
import type { Entity } from '../../lib/model/entities.ts';
import { StorageUnavailableError, ValidationError } from '../../lib/repository/errors.ts';
import { withRetries } from '../../lib/transfer/retry.ts';
import { retryingStore } from '../../lib/transfer/retrying-store.ts';
import { factories } from '../migration/migrating.ts';

/** Fails so many times, then answers. */
function failingTimes(times: number, error: unknown) {
  let calls = 0;
  const call = async (): Promise<number> => {
    if (++calls <= times) throw error;
    return calls;
  };
  return { call, calls: () => calls };
}

const away = new StorageUnavailableError('It is away.');

describe('withRetries', () => {
  test('a call that fails for a reason that may pass runs again until it succeeds', async () => {
    expect(await withRetries(failingTimes(2, away).call)).toBe(3);
  });

  test('in the end the last error is thrown, not long after the time is over', async () => {
    const { call, calls } = failingTimes(Number.POSITIVE_INFINITY, away);
    const start = performance.now();
    await expect(withRetries(call, 250)).rejects.toBe(away);
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(calls()).toBeGreaterThan(1);
  });

  test.each([
    ['an error that stays', new ValidationError([{ path: '', message: 'is wrong' }])],
    ['an error of the program', new TypeError('wrong')],
  ])('%s is thrown at once', async (_, error) => {
    const { call, calls } = failingTimes(1, error);
    await expect(withRetries(call)).rejects.toBe(error);
    expect(calls()).toBe(1);
  });
});

test('a patient store reads and loads again, and writes once', async () => {
  await using open = await factories.sqlite.open();
  const { strategy } = open;
  const calls: string[] = [];
  const flaky = <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) => {
    let failed = false;
    return async (...args: A): Promise<R> => {
      calls.push(name);
      if (failed) return call(...args);
      failed = true;
      throw away;
    };
  };
  const store = retryingStore({
    name: strategy.name,
    capabilities: strategy.capabilities,
    get: flaky('get', (...args) => strategy.get(...args)),
    scan: flaky('scan', (...args) => strategy.scan(...args)),
    load: flaky('load', (...args) => strategy.load(...args)),
    writeEach: flaky('writeEach', (...args) => strategy.writeEach(...args)),
    loadProblems: (...args) => strategy.loadProblems(...args),
  });
  const entity = { template_id: 't', name: 'n', provider_api: 'p', vm_type: 'v', max_number: 1, version: 4 } as const;
  expect(await store.load('templates', [entity as unknown as Entity])).toBe(1);
  expect(await store.get('templates', ['t'])).toEqual([entity]);
  expect(await store.scan('templates', { segment: 0, segments: 1, limit: 10 })).toEqual({ items: [entity] });
  await expect(store.writeEach([])).rejects.toBe(away);
  expect(calls).toEqual(['load', 'load', 'get', 'get', 'scan', 'scan', 'writeEach']);
  expect(store.loadProblems('templates', { ...entity, name: 7 } as never)).toEqual([
    { path: 'name', message: 'must be a string' },
  ]);
});
