import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Slots } from '../../lib/transfer/slots.ts';

test('whoever comes when all places are taken waits, in the order of coming', async () => {
  const slots = new Slots(2);
  const inside: string[] = [];
  for (const name of ['a', 'b', 'c', 'd']) slots.enter().then(() => inside.push(name));
  await turn();
  expect(inside).toEqual(['a', 'b']);
  slots.leave();
  await turn();
  expect(inside).toEqual(['a', 'b', 'c']);
  slots.leave();
  slots.leave();
  slots.leave();
  await turn();
  expect(inside).toEqual(['a', 'b', 'c', 'd']);
  // All have left: both places are free again, and there are no more of them than before.
  for (const name of ['e', 'f', 'g']) slots.enter().then(() => inside.push(name));
  await turn();
  expect(inside.slice(4)).toEqual(['e', 'f']);
});
