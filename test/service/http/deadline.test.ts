import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { withDeadline } from '../../../lib/service/http/deadline.ts';
import { problemAnswer } from '../../../lib/service/http/problems.ts';

test('a result or error within the deadline is passed on', async () => {
  expect(await withDeadline(Promise.resolve(7), 1000)).toBe(7);
  await expect(withDeadline(Promise.reject(new Error('own')), 1000)).rejects.toThrow('own');
});

test('work beyond the deadline is a 503 with Retry-After', async () => {
  const error = await withDeadline(sleep(1000, undefined, { ref: false }), 10).catch((reason: unknown) => reason);
  expect(problemAnswer(error)).toMatchObject({
    status: 503,
    headers: { 'Retry-After': expect.stringMatching(/^\d+$/) },
    body: { type: 'urn:hostfactory:problem:deadline_exceeded' },
  });
});

test('an error after the deadline is ignored', async () => {
  const late = sleep(30).then(() => {
    throw new Error('late');
  });
  await expect(withDeadline(late, 5)).rejects.toMatchObject({ code: 'deadline_exceeded' });
  await sleep(50);
});
