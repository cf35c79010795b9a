import type { StorageStrategy } from '../repository/storage-strategy.ts';
import { PATIENCE_MS, patiently } from './patience.ts';

/** What a transfer needs of a store. */
export type TransferStore = Pick<
  StorageStrategy,
  'name' | 'capabilities' | 'get' | 'scan' | 'load' | 'loadProblems' | 'writeEach'
>;

/** A store whose reads and loads are called again where they fail for a reason that may pass: see `patiently`. */
export function patientStore(store: TransferStore, patienceMs = PATIENCE_MS): TransferStore {
  return {
    name: store.name,
    capabilities: store.capabilities,
    get: (...args) => patiently(() => store.get(...args), patienceMs),
    scan: (...args) => patiently(() => store.scan(...args), patienceMs),
    load: (...args) => patiently(() => store.load(...args), patienceMs),
    loadProblems: (...args) => store.loadProblems(...args),
    writeEach: (...args) => store.writeEach(...args),
  };
}
