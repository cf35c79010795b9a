import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Semaphore } from '../../lib/transfer/semaphore.ts';

test('whoever comes when all places are taken waits, in the order of coming', async () => {
  const semaphore = new Semaphore(2);
  const inside: string[] = [];
  for (const name of ['a', 'b', 'c', 'd']) semaphore.enter().then(() => inside.push(name));
  await turn();
  expect(inside).toEqual(['a', 'b']);
  semaphore.leave();
  await turn();
  expect(inside).toEqual(['a', 'b', 'c']);
  semaphore.leave();
  semaphore.leave();
  semaphore.leave();
  await turn();
  expect(inside).toEqual(['a', 'b', 'c', 'd']);
  // All have left: both places are free again, and there are no more of them than before.
  for (const name of ['e', 'f', 'g']) semaphore.enter().then(() => inside.push(name));
  await turn();
  expect(inside.slice(4)).toEqual(['e', 'f']);
});
