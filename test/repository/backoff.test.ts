import { afterEach, expect, jest, test } from '@jest/globals';
import { pauseAfter } from '../../lib/repository/backoff.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

const backoff = { baseMs: 100, longestMs: 1_000 };

test('the longest pause doubles with each attempt, up to a limit', () => {
  jest.spyOn(Math, 'random').mockReturnValue(1);
  expect([1, 2, 3, 4, 5, 2_000].map((attempt) => pauseAfter(attempt, backoff))).toEqual([
    100, 200, 400, 800, 1000, 1000,
  ]);
});

test('any shorter pause may be taken, so that callers that collided do not collide again', () => {
  jest.spyOn(Math, 'random').mockReturnValueOnce(0).mockReturnValueOnce(0.25);
  expect([pauseAfter(3, backoff), pauseAfter(3, backoff)]).toEqual([0, 100]);
});
