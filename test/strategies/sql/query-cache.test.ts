import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { Count, Page } from '../../../lib/repository/storage-strategy.ts';
import { MAX_AGE_MS, QueryCache } from '../../../lib/strategies/sql/query-cache.ts';

const page = (name: string): Page => ({ items: [{ template_id: 't', name, version: 1 }], more: false });

/** Changes a result, as its owner may. */
const change = ({ items: [item] }: Page): void => {
  if (item !== undefined) item.name = 'changed by a caller';
};

/** A database that counts its calls and gives a predefined answer. */
function source(result: () => object) {
  const asked = { times: 0 };
  const load = async <T extends object>(): Promise<T> => {
    asked.times += 1;
    return result() as T;
  };
  return { asked, load };
}

describe('QueryCache', () => {
  test('asks once, and every caller owns its result', async () => {
    const cache = new QueryCache(10);
    const { asked, load } = source(() => page('a'));
    const first = await cache.get<Page>('templates', 'key', load);
    change(first);
    const second = await cache.get<Page>('templates', 'key', load);
    expect(second).toEqual(page('a'));
    change(second);
    expect(await cache.get<Page>('templates', 'key', load)).toEqual(page('a'));
    expect(asked.times).toBe(1);
  });

  test('counts with groups are kept too', async () => {
    const cache = new QueryCache(10);
    const { asked, load } = source(() => ({ count: 3, groups: new Map([['PENDING', 3]]) }));
    for (let i = 0; i < 3; i++) {
      const { count, groups } = await cache.get<Count>('requests', 'key', load);
      expect([count, groups?.get('PENDING')]).toEqual([3, 3]);
    }
    expect(asked.times).toBe(1);
  });

  test('a write drops only the results that it may have changed', async () => {
    const cache = new QueryCache(10);
    let name = 'old';
    const { asked, load } = source(() => page(name));
    await cache.get('templates', 'key', load);
    await cache.get('machines', 'key', load);
    name = 'new';
    cache.drop(['templates']);
    expect(await cache.get<Page>('templates', 'key', load)).toEqual(page('new'));
    expect(await cache.get<Page>('machines', 'key', load)).toEqual(page('old'));
    expect(asked.times).toBe(3);
  });

  test('a result read before a write ended is not kept', async () => {
    const cache = new QueryCache(10);
    const { promise: answered, resolve: answer } = Promise.withResolvers<Page>();
    const reading = cache.get<Page>('templates', 'key', () => answered);
    cache.drop(['templates']);
    answer(page('old'));
    expect(await reading).toEqual(page('old'));
    expect(await cache.get<Page>('templates', 'key', async () => page('new'))).toEqual(page('new'));
  });

  test('a failure is not kept', async () => {
    const cache = new QueryCache(10);
    const failing = cache.get('templates', 'key', async () => Promise.reject(new Error('down')));
    await expect(failing).rejects.toThrow('down');
    expect(await cache.get<Page>('templates', 'key', async () => page('up'))).toEqual(page('up'));
  });

  test('the least recently used results are evicted first', async () => {
    const cache = new QueryCache(2);
    const asked: string[] = [];
    const get = (key: string): Promise<Page> =>
      cache.get('templates', key, async () => {
        asked.push(key);
        return page(key);
      });
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) expect(await get(key)).toEqual(page(key));
    expect(asked.join('')).toBe('abcb');
  });

  test(`after ${MAX_AGE_MS} ms the database is asked again`, async () => {
    const cache = new QueryCache(10);
    const { asked, load } = source(() => page('a'));
    await cache.get('templates', 'key', load);
    await sleep(MAX_AGE_MS + 5);
    await cache.get('templates', 'key', load);
    expect(asked.times).toBe(2);
  });
});
