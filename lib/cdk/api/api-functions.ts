import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { ApiConfig } from '../../config/api.ts';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { type Operation, type Route, routes } from '../../service/http/routes.ts';
import type { DataStack } from '../data/data-stack.ts';
import type { FunctionSource } from '../functions/bundle.ts';
import { ServiceFunction } from '../functions/service-function.ts';
import { needsOf } from '../functions/store-permissions.ts';
import { connectJobs } from '../jobs/job-access.ts';

/** A little less than the 29 s of API Gateway: no work for callers that no longer wait. */
const TIMEOUT = Duration.seconds(28);

/** Operations of the route table. */
export const operations: readonly Operation[] = [...new Set(routes.map(({ operation }) => operation))];

/** The functions that are bundled for the API. */
export const apiSources: readonly FunctionSource[] = operations.map((operation) => ({
  name: operation,
  entry: `lambdas/api/${operation}.ts`,
}));

export interface ApiFunctionsProps {
  readonly storage: Config['storage'];
  readonly deployment: DeploymentConfig;
  readonly api: ApiConfig;
  readonly data: DataStack;
  readonly bundles: string;
}

/** One function per operation, each with the permissions it needs. */
export class ApiFunctions extends Construct {
  readonly #functions = new Map<Operation, ServiceFunction>();

  constructor(scope: Construct, id: string, { storage, deployment, api, data, bundles }: ApiFunctionsProps) {
    super(scope, id);
    for (const operation of operations) {
      const { summary } = routes.find((route) => route.operation === operation) as Route;
      const needs = needsOf(operation, storage);
      const made = new ServiceFunction(this, operation, {
        name: operation,
        description: summary,
        bundles,
        deployment,
        tracing: api.tracing,
        timeout: TIMEOUT,
        network: needs === undefined ? undefined : data.store.network,
      });
      if (needs !== undefined) data.store.connect(made, needs);
      connectJobs(made, operation, deployment.name, data);
      this.#functions.set(operation, made);
    }
  }

  get(operation: Operation): ServiceFunction {
    return this.#functions.get(operation) as ServiceFunction;
  }

  get all(): readonly ServiceFunction[] {
    return [...this.#functions.values()];
  }
}
