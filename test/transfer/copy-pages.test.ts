import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { copyPages } from '../../lib/transfer/copy-pages.ts';
import { Semaphore } from '../../lib/transfer/semaphore.ts';

interface Page {
  readonly items: readonly number[];
  readonly cursor?: string | undefined;
}

async function* pages(count: number, failAfter = Number.POSITIVE_INFINITY): AsyncGenerator<Page> {
  for (let i = 0; i < count; i++) {
    if (i === failAfter) throw new Error('The source has failed.');
    yield { items: [i], cursor: `${i}` };
  }
}

/** A copy whose pages end when the test says so. */
class Copying {
  readonly begun: number[] = [];
  readonly reported: string[] = [];
  ended = false;
  readonly outcome: Promise<unknown>;
  readonly #ends = new Map<number, PromiseWithResolvers<string>>();

  constructor(
    count: number,
    workers: number,
    { failAfter, signal }: { failAfter?: number; signal?: AbortSignal } = {},
  ) {
    this.outcome = copyPages({
      pages: pages(count, failAfter),
      semaphore: new Semaphore(workers),
      signal,
      copy: ({ items: [i = -1] }) => {
        this.begun.push(i);
        const end = Promise.withResolvers<string>();
        this.#ends.set(i, end);
        return end.promise;
      },
      done: ({ cursor }, result) => {
        this.reported.push(`${cursor} ${result}`);
      },
    }).then(
      () => 'copied',
      (error: unknown) => error,
    );
    this.outcome.then(() => {
      this.ended = true;
    });
  }

  async end(...numbers: number[]): Promise<void> {
    for (const i of numbers) this.#ends.get(i)?.resolve('ok');
    await settled();
  }

  async fail(i: number): Promise<void> {
    this.#ends.get(i)?.reject(new Error(`Page ${i} has failed.`));
    await settled();
  }
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await turn();
};

describe('copying pages', () => {
  test('as many at the same time as the semaphore admits', async () => {
    const copying = new Copying(5, 2);
    await settled();
    expect(copying.begun).toEqual([0, 1]);
    await copying.end(0);
    expect(copying.begun).toEqual([0, 1, 2]);
    await copying.end(1, 2);
    await copying.end(3, 4);
    expect(await copying.outcome).toBe('copied');
  });

  test('no page is begun far ahead of one that takes long: after a crash it would be copied again', async () => {
    const copying = new Copying(9, 3);
    await settled();
    await copying.end(1, 2);
    expect(copying.begun).toEqual([0, 1, 2]);
    await copying.end(0);
    expect(copying.begun).toEqual([0, 1, 2, 3, 4, 5]);
    await copying.end(3, 4, 5);
    await copying.end(6, 7, 8);
    expect(await copying.outcome).toBe('copied');
  });

  test('reports come in the order of the pages, whichever ends first', async () => {
    const copying = new Copying(3, 3);
    await settled();
    await copying.end(2, 1);
    expect(copying.reported).toEqual([]);
    await copying.end(0);
    expect(copying.reported).toEqual(['0 ok', '1 ok', '2 ok']);
    expect(await copying.outcome).toBe('copied');
  });

  test('a page that fails: those before it are reported, those behind it never, and nothing is begun any more', async () => {
    const copying = new Copying(9, 4);
    await settled();
    await copying.fail(2);
    expect(copying.begun).toEqual([0, 1, 2, 3]);
    await copying.end(1);
    expect(copying.ended).toBe(false);
    await copying.end(0);
    expect(copying.reported).toEqual(['0 ok', '1 ok']);
    // Not before everything under way has ended: nobody hears of it later.
    expect(copying.ended).toBe(false);
    await copying.end(3);
    expect(await copying.outcome).toEqual(new Error('Page 2 has failed.'));
    expect(copying.begun).toEqual([0, 1, 2, 3]);
    expect(copying.reported).toEqual(['0 ok', '1 ok']);
  });

  test('of several that fail, the error of the first page counts', async () => {
    const copying = new Copying(3, 3);
    await settled();
    await copying.fail(2);
    await copying.fail(1);
    await copying.end(0);
    expect(await copying.outcome).toEqual(new Error('Page 1 has failed.'));
    expect(copying.reported).toEqual(['0 ok']);
  });

  test('a source that fails: what was read of it is reported before', async () => {
    const copying = new Copying(5, 3, { failAfter: 2 });
    await settled();
    expect(copying.ended).toBe(false);
    await copying.end(0, 1);
    expect(await copying.outcome).toEqual(new Error('The source has failed.'));
    expect(copying.reported).toEqual(['0 ok', '1 ok']);
  });

  test('a report that fails ends the copy', async () => {
    let begun = 0;
    const copying = copyPages({
      pages: pages(100),
      semaphore: new Semaphore(1),
      copy: async () => {
        begun++;
        await turn();
      },
      done: () => {
        throw new Error('The log has failed.');
      },
    });
    await expect(copying).rejects.toThrow('The log has failed.');
    expect(begun).toBeLessThan(4);
  });

  test('an abort: pages under way are finished and reported, none is begun', async () => {
    const abort = new AbortController();
    const copying = new Copying(9, 2, { signal: abort.signal });
    await settled();
    abort.abort(new Error('Enough.'));
    await copying.end(0);
    expect(copying.begun).toEqual([0, 1]);
    await copying.end(1);
    expect(await copying.outcome).toEqual(new Error('Enough.'));
    expect(copying.reported).toEqual(['0 ok', '1 ok']);
  });

  test('segments share the semaphore: never more pages at the same time, and each segment is reported in order', async () => {
    const arbitrary = fc.record({
      workers: fc.integer({ min: 1, max: 4 }),
      segments: fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }),
      delays: fc.array(fc.nat(3), { minLength: 30, maxLength: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(arbitrary, async ({ workers, segments, delays }) => {
        const semaphore = new Semaphore(workers);
        let open = 0;
        let most = 0;
        const reported = segments.map((): string[] => []);
        const copyOf = (count: number, segment: number) =>
          copyPages({
            pages: pages(count),
            semaphore,
            copy: async ({ items: [i = 0] }) => {
              most = Math.max(most, ++open);
              await sleep(delays[(7 * segment + i) % delays.length]);
              open--;
            },
            done: ({ cursor = '' }) => void reported[segment]?.push(cursor),
          });
        await Promise.all(segments.map(copyOf));
        expect(most).toBeLessThanOrEqual(workers);
        expect(reported).toEqual(segments.map((count) => Array.from({ length: count }, (_, i) => `${i}`)));
      }),
      { numRuns: 20 },
    );
  });
});
