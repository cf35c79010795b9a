/** Objects in a folder that several callers write, read and remove at the same time. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readText } from '../../lib/objects/location.ts';
import { openLocation } from '../../lib/objects/open-location.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-objects-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const TIMES = 60;
const text = (i: number): string => `${i} `.repeat(1000);

test('an object that is removed while others read and write it is whole or missing, and nothing fails', async () => {
  const location = await openLocation(folder);
  const write = async (name: string) => {
    for (let i = 0; i < TIMES; i++) {
      await location.write(name, Buffer.from(text(i)));
      // Empties the folder, and so removes it, while the other makes it.
      await location.remove([name]);
    }
  };
  const seen = new Set<string | undefined>();
  const read = async () => {
    while (!ended) seen.add(await readText(location, 'work/a.json'));
  };
  let ended = false;
  const writes = Promise.all([write('work/a.json'), write('work/b.json')]).finally(() => {
    ended = true;
  });
  await Promise.all([writes, read(), read()]);
  const whole = new Set([undefined, ...Array.from({ length: TIMES }, (_, i) => text(i))]);
  expect([...seen].filter((one) => !whole.has(one))).toEqual([]);
  expect(seen.size).toBeGreaterThan(1);
  expect(await readdir(folder)).toEqual([]);
});

test('of many that create an object exactly one does, and it is its object', async () => {
  const location = await openLocation(folder);
  const created = await Promise.all(
    Array.from({ length: 20 }, (_, i) => location.create('deep/er/x', Buffer.from(`${i}`))),
  );
  expect(created.filter(Boolean)).toHaveLength(1);
  expect(await readText(location, 'deep/er/x')).toBe(String(created.indexOf(true)));
  expect((await location.listDeep('')).map(({ name }) => name)).toEqual(['deep/er/x']);
});
