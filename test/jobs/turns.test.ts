/** Turns in a folder and in a bucket: never more jobs than may run, and in the order in which they were asked for. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Turns } from '../../lib/jobs/turns.ts';
import type { Location } from '../../lib/objects/location.ts';
import { openLocation } from '../../lib/objects/open-location.ts';

const places: readonly [string, () => Promise<AsyncDisposable & { readonly states: Location }>][] = [
  [
    'a folder',
    async () => {
      const path = await mkdtemp(join(tmpdir(), 'hfstorage-turns-'));
      return {
        states: await openLocation(path),
        [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
      };
    },
  ],
];

const asked = (i: number): string => `2026-11-22T10:00:0${i}.000Z`;

describe.each(places)('in %s', (_, open) => {
  const turnsOf = (states: Location, limit: number, active: Set<string>) =>
    new Turns({ states, kind: 'migration', limit, isActive: async (id) => active.has(id) });

  test('one at a time, the one that was ordered first before the others, whoever asks first', async () => {
    await using place = await open();
    const active = new Set(['a', 'b', 'c']);
    const turns = turnsOf(place.states, 1, active);
    expect(await turns.take('a', asked(1))).toBe(true);
    expect(await turns.take('c', asked(3))).toBe(false);
    expect(await turns.take('b', asked(2))).toBe(false);
    expect([await turns.take('a', asked(1)), await turns.holders()]).toEqual([true, ['a']]);
    active.delete('a');
    expect(await turns.take('c', asked(3))).toBe(false);
    expect(await turns.take('b', asked(2))).toBe(true);
    active.delete('b');
    expect(await turns.take('c', asked(3))).toBe(true);
    expect(await turns.holders()).toEqual(['c']);
    // Nothing is left of those that had their turn.
    const names = (await place.states.listDeep('turns')).map(({ name }) => name);
    expect(names).toEqual(['turns/migration/1/000000003.json']);
  });

  test('one that has died while it waited stops nobody', async () => {
    await using place = await open();
    const active = new Set(['a', 'b', 'c']);
    const turns = turnsOf(place.states, 1, active);
    await turns.take('a', asked(1));
    expect(await turns.take('b', asked(2))).toBe(false);
    active.delete('a');
    active.delete('b');
    expect(await turns.take('c', asked(3))).toBe(true);
  });

  test('one that was ordered again does not wait behind itself', async () => {
    await using place = await open();
    const active = new Set(['a', 'b']);
    const turns = turnsOf(place.states, 1, active);
    await turns.take('a', asked(1));
    expect(await turns.take('b', asked(2))).toBe(false);
    active.delete('a');
    expect(await turns.take('b', asked(3))).toBe(true);
    expect((await place.states.listDeep('turns')).map(({ name }) => name)).toEqual([
      'turns/migration/1/000000002.json',
    ]);
  });

  test('fewer at a time than run now: those that run are seen, and nobody begins until enough have ended', async () => {
    await using place = await open();
    const active = new Set(['a', 'b', 'c']);
    const two = turnsOf(place.states, 2, active);
    expect([await two.take('a', asked(1)), await two.take('b', asked(2))]).toEqual([true, true]);
    const one = turnsOf(place.states, 1, active);
    expect(await one.holders()).toEqual(['a', 'b']);
    active.delete('a');
    expect(await one.take('c', asked(3))).toBe(false);
    active.delete('b');
    expect(await one.take('c', asked(3))).toBe(true);
  });

  test('of many that ask at the same moment for three turns exactly three have one', async () => {
    await using place = await open();
    const ids = Array.from({ length: 9 }, (_, i) => `job-${i}`);
    const active = new Set(ids);
    const take = () => Promise.all(ids.map((id, i) => turnsOf(place.states, 3, active).take(id, asked(i))));
    let taken: boolean[] = [];
    // Two may leave each other a lane: they ask again.
    for (let round = 0; round < 5; round++) {
      taken = await take();
      expect(taken.filter(Boolean).length).toBeLessThanOrEqual(3);
    }
    expect(taken.filter(Boolean)).toHaveLength(3);
    expect(new Set(await turnsOf(place.states, 3, active).holders()).size).toBe(3);
  });
});
