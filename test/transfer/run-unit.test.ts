/** A unit of long work: checkpoints, ends in time, and what is done again. */
import { describe, expect, test } from '@jest/globals';
import { type Phase, runUnit } from '../../lib/transfer/run-unit.ts';
import { LocalSteps, RemoteSteps, UnitsAreLeft } from '../../lib/transfer/steps.ts';
import type { Unit } from '../../lib/transfer/unit.ts';
import { MemoryState } from '../../lib/transfer/work-state.ts';

interface Numbers {
  readonly number: number;
  readonly cursor?: string | undefined;
}

/** Adds up the numbers from 1 to 10, page by page. */
class Adding implements Phase<Unit, Numbers, number> {
  readonly workers = 2;
  readonly nothing = 0;
  readonly indivisible: boolean;
  readonly worked: number[] = [];
  failAt = 0;

  constructor(indivisible = false) {
    this.indivisible = indivisible;
  }

  async *pages(_: Unit, { cursor }: { readonly cursor?: string | undefined }): AsyncGenerator<Numbers> {
    for (let number = Number(cursor ?? 0) + 1; number <= 10; number++) {
      yield { number, cursor: number === 10 ? undefined : String(number) };
    }
  }

  async work(_: Unit, { number }: Numbers): Promise<number> {
    if (number === this.failAt) throw new Error('broken');
    this.worked.push(number);
    return number;
  }

  sum(a: number, b: number): number {
    return a + b;
  }

  count(): readonly ['machines', number] {
    return ['machines', 1];
  }
}

const unit: Unit = { name: 'all' };

describe('a unit', () => {
  test('continues after the last page before an error, and ends as if nothing had happened', async () => {
    const state = new MemoryState();
    const adding = new Adding();
    adding.failAt = 7;
    await expect(runUnit(state, 'x', adding, unit, {})).rejects.toThrow('broken');
    adding.failAt = 0;
    expect(await runUnit(state, 'x', adding, unit, {})).toMatchObject({ done: true, result: 55 });
    expect([...new Set(adding.worked)]).toHaveLength(10);
    expect(adding.worked.filter((number) => number < 7)).toHaveLength(6);
    adding.worked.length = 0;
    expect(await runUnit(state, 'x', adding, unit, {})).toMatchObject({ done: true, result: 55 });
    expect(adding.worked).toEqual([]);
  });

  test('ends in time, and is continued by the next call', async () => {
    const state = new MemoryState();
    const adding = new Adding();
    let calls = 0;
    while (!(await runUnit(state, 'x', adding, unit, { timeLeft: () => 0 })).done) calls++;
    expect(calls).toBeGreaterThan(2);
    expect(adding.worked.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('that is indivisible begins anew, whatever was done', async () => {
    const state = new MemoryState();
    const adding = new Adding(true);
    adding.failAt = 7;
    await expect(runUnit(state, 'x', adding, unit, { checkpointMs: 0 })).rejects.toThrow('broken');
    adding.failAt = 0;
    expect(await runUnit(state, 'x', adding, unit, { timeLeft: () => 0 })).toMatchObject({ done: true, result: 55 });
    expect(adding.worked.filter((number) => number === 1)).toHaveLength(2);
  });
});

describe('steps', () => {
  const units: Unit[] = [{ name: 'a' }, { name: 'b' }];

  test('of others stop at a phase until all its units are done, and then give the same result as local ones', async () => {
    const work = async (steps: LocalSteps<{ add: Adding }> | RemoteSteps<{ add: Adding }>) => {
      const first = await steps.once('first', async () => 1);
      return first + (await steps.each('add', units)) + (await steps.each('add', units, 'again'));
    };
    const local = await work(new LocalSteps({ add: new Adding() }, new MemoryState()));
    const state = new MemoryState();
    const remote = new RemoteSteps({ add: new Adding() }, state);
    const keys: string[] = [];
    for (;;) {
      try {
        expect(await work(remote)).toBe(local);
        break;
      } catch (error) {
        if (!(error instanceof UnitsAreLeft)) throw error;
        const { key, units: left } = error.left;
        keys.push(`${key} ${left.map(({ name }) => name)}`);
        // One of them only: the other is named again.
        await runUnit(state, `${key}/${left[0]?.name}`, remote.phases.add, left[0] as Unit, {});
      }
    }
    expect([local, keys]).toEqual([1 + 4 * 55, ['add a,b', 'add b', 'again a,b', 'again b']]);
  });

  test('a unit that fails stops the others, and its error is the one that is thrown', async () => {
    class Failing extends Adding {
      override async work({ name }: Unit, page: Numbers): Promise<number> {
        if (name === 'a' && page.number === 2) throw new Error('broken');
        return super.work({ name }, page);
      }
    }
    const steps = new LocalSteps({ add: new Failing() }, new MemoryState());
    await expect(steps.each('add', units)).rejects.toThrow('broken');
  });
});
