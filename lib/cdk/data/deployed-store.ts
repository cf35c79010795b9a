/** The store from the view of a function: its permissions, and how it finds the store. */
import type { FunctionNetwork } from '../functions/function-network.ts';
import type { ServiceFunction } from '../functions/service-function.ts';
import type { StoreNeeds } from '../functions/store-permissions.ts';

export interface DeployedStore {
  /** Network in which functions must run to reach it; undefined if they need none. */
  readonly network: FunctionNetwork | undefined;
  /** Only sets the variables, for a function that reads the configuration but opens no store. */
  describe(target: ServiceFunction): void;
  /** Grants a function what it needs and also sets the variables that its configuration refers to. */
  connect(target: ServiceFunction, needs: StoreNeeds): void;
}
