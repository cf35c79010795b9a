/**
 * Jest's functions for the API tests that also run on deployed environments. There, one Jest file has several of these
 * suites on one deployment: each gets its own `describe`, so that its hooks do not affect the others.
 */
import * as jest from '@jest/globals';

export const { expect } = jest;

/** The definitions of a suite being loaded; undefined if it is a Jest file itself, which defines tests directly. */
let definitions: (() => void)[] | undefined;

const define = <A extends never[], R>(now: (...args: A) => R): ((...args: A) => R) =>
  ((...args: A) => {
    if (definitions === undefined) return now(...args);
    definitions.push(() => now(...args));
    return undefined;
  }) as (...args: A) => R;

const withEach = <F extends typeof jest.test | typeof jest.describe>(real: F): F => {
  const each = (...table: never[]) => define((real.each as (...rows: never[]) => (...args: never[]) => void)(...table));
  return Object.assign(define(real as unknown as (...args: never[]) => void), { each }) as unknown as F;
};

export const beforeAll = define(jest.beforeAll) as typeof jest.beforeAll;
export const beforeEach = define(jest.beforeEach) as typeof jest.beforeEach;
export const afterEach = define(jest.afterEach) as typeof jest.afterEach;
export const afterAll = define(jest.afterAll) as typeof jest.afterAll;
export const test = withEach(jest.test);
export const describe = withEach(jest.describe);

/** Loads a test file as part of this Jest file. */
export async function include(name: string, load: () => Promise<unknown>): Promise<void> {
  const own: (() => void)[] = [];
  definitions = own;
  try {
    await load();
  } finally {
    definitions = undefined;
  }
  jest.describe(name, () => {
    for (const each of own) each();
  });
}
