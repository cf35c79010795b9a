import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { SerialQueue } from '../../lib/repository/serial-queue.ts';

test('tasks run one after another, also after one that fails', async () => {
  const queue = new SerialQueue();
  const events: string[] = [];
  const task = (name: string, fails = false) =>
    queue.run(async () => {
      events.push(`${name} begins`);
      await turn();
      events.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });
  const outcomes = Promise.allSettled([task('a'), task('b', true), task('c')]);
  await queue.settled();
  expect(events).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
