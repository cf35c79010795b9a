import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { repositories } from './repositories.ts';
import { type OpenRepository, type OpenStore, type RepositoryFactory, type StoreFactory, stores } from './stores.ts';

type Tests<O, F> = (store: () => O, factory: F) => void;

/** The store of a Jest file for one store, instead of the stores that each operation would open. */
interface Shared {
  readonly factory: { readonly name: string };
  operation: string;
  readonly store: () => OpenRepository;
}

let shared: Shared | undefined;

const opened = <O>(open: O | undefined): O => {
  if (open === undefined) throw new Error('The store is open inside tests only.');
  return open;
};

/**
 * Makes all operations of this Jest file run on one store only, which they share.
 * @returns a function that loads the file of an operation
 */
export function useSharedStore(factory: RepositoryFactory) {
  let open: OpenRepository | undefined;
  beforeAll(async () => {
    open = await factory.open();
  });
  afterAll(async () => {
    await open?.close();
  });
  const own: Shared = { factory, operation: '', store: () => opened(open) };
  shared = own;
  return async (operation: string, load: () => Promise<unknown>): Promise<void> => {
    own.operation = operation;
    await load();
  };
}

function onEach<O extends OpenRepository, F extends { readonly name: string; open(): Promise<O> }>(
  factories: readonly F[],
  tests: Tests<O, F>,
): void {
  if (shared !== undefined) {
    const { factory, operation, store } = shared;
    const here = factories.find(({ name }) => name === factory.name);
    if (here === undefined) return;
    describe(here.name, () => {
      describe(operation, () => tests(store as () => O, here));
    });
    return;
  }
  describe.each(factories)('$name', (factory) => {
    let open: O | undefined;
    beforeAll(async () => {
      open = await factory.open();
    });
    afterAll(async () => {
      await open?.close();
    });
    tests(() => opened(open), factory);
  });
}

/**
 * Runs tests of the contract of a Repository, on every store and every way to reach one. The tests of one call share a
 * store, and if a Jest file runs the whole contract on one store, all tests do: so each uses its own ids (`newId`), and a
 * test that counts or queries everything opens its own store from the factory.
 */
export const onEveryRepository = (tests: Tests<OpenRepository, RepositoryFactory>): void => onEach(repositories, tests);

/** Like `onEveryRepository`, for tests of the store itself: its port, its configuration, its processes. */
export const onEveryStore = (tests: Tests<OpenStore, StoreFactory>): void => onEach(stores, tests);

/** `test`, or a skip with the reason in its name if the store declares that it lacks the capability. */
export function testIfCapable(capable: boolean, reason: string): (name: string, body: () => Promise<void>) => void {
  if (capable) return test;
  const { skip } = test;
  return (name, body) => skip(`${name} (skipped: ${reason})`, body);
}
