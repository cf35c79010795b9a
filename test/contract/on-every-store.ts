import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { type OpenStore, type StoreFactory, stores } from './stores.ts';

/**
 * Runs tests on every store. The tests of one call share a store, so they use ids of their own (`newId`); a test that
 * counts or queries everything opens its own store from the factory.
 */
export function onEveryStore(tests: (store: () => OpenStore, factory: StoreFactory) => void): void {
  describe.each(stores)('$name', (factory) => {
    let open: OpenStore | undefined;
    beforeAll(async () => {
      open = await factory.open();
    });
    afterAll(async () => {
      await open?.close();
    });
    tests(() => {
      if (open === undefined) throw new Error('The store is open inside tests only.');
      return open;
    }, factory);
  });
}

/** `test`, or where the store declares that it lacks the capability: a skip that says so in its name. */
export function testIfCapable(capable: boolean, reason: string): (name: string, body: () => Promise<void>) => void {
  if (capable) return test;
  const { skip } = test;
  return (name, body) => skip(`${name} (skipped: ${reason})`, body);
}
