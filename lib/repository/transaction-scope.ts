import { AsyncLocalStorage } from 'node:async_hooks';
import { UnsupportedOperationError } from './errors.ts';

/**
 * Detects code that runs inside the callback of a transaction or lock of a store. A write on the repository itself would
 * wait there for that transaction, and thus forever: it is refused instead, on every store.
 */
export class TransactionScope {
  readonly #current = new AsyncLocalStorage<{ open: boolean }>();

  /**
   * Runs `work` through `run`, within the scope.
   * @param run may call its argument several times
   */
  async enter<S, T>(
    work: (session: S) => Promise<T>,
    run: (scoped: (session: S) => Promise<T>) => Promise<T>,
  ): Promise<T> {
    const scope = { open: true };
    try {
      return await run((session) => this.#current.run(scope, work, session));
    } finally {
      scope.open = false;
    }
  }

  /** @throws UnsupportedOperationError inside the callback of a transaction or lock */
  requireOutside(): void {
    if (this.#current.getStore()?.open !== true) return;
    throw new UnsupportedOperationError(
      'This write was made on the repository inside a transaction or lock, where it would wait forever. Make it on the ' +
        'object that the callback receives.',
    );
  }
}
