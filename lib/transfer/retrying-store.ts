import type { StorageStrategy } from '../repository/storage-strategy.ts';
import { RETRY_FOR_MS, withRetries } from './retry.ts';

/** What a transfer needs of a store. */
export type TransferStore = Pick<
  StorageStrategy,
  'name' | 'capabilities' | 'get' | 'scan' | 'load' | 'loadProblems' | 'writeEach'
>;

/** A store whose reads and loads are called again where they fail for a reason that may pass: see `withRetries`. */
export function retryingStore(store: TransferStore, retryForMs = RETRY_FOR_MS): TransferStore {
  return {
    name: store.name,
    capabilities: store.capabilities,
    get: (...args) => withRetries(() => store.get(...args), retryForMs),
    scan: (...args) => withRetries(() => store.scan(...args), retryForMs),
    load: (...args) => withRetries(() => store.load(...args), retryForMs),
    loadProblems: (...args) => store.loadProblems(...args),
    writeEach: (...args) => store.writeEach(...args),
  };
}
