/** The store as a function sees it: what it may do there, and how it finds it. */
import type { FunctionNetwork } from '../functions/function-network.ts';
import type { ServiceFunction } from '../functions/service-function.ts';
import type { StoreNeeds } from '../functions/store-permissions.ts';

export interface DeployedStore {
  /** Where functions must run to reach it; undefined where they need no network of their own. */
  readonly network: FunctionNetwork | undefined;
  /** Sets the variables alone: for a function that reads the configuration and opens no store. */
  describe(target: ServiceFunction): void;
  /** Allows a function what it needs and sets the variables that its configuration refers to, both or neither. */
  connect(target: ServiceFunction, needs: StoreNeeds): void;
}
