import { Duration } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { DeploymentConfig } from '../../config/deployment.ts';
import type { DataStack } from '../data/data-stack.ts';
import type { DeployedStore } from '../data/deployed-store.ts';
import { ServiceFunction } from '../functions/service-function.ts';
import type { StoreNeeds } from '../functions/store-permissions.ts';
import { followExecutions } from './job-access.ts';
import type { JobKind } from './job-names.ts';
import { bundleOf } from './job-sources.ts';
import type { TaskNeeds } from './task-permissions.ts';

/** Lambda's longest. */
export const TASK_TIMEOUT = Duration.minutes(15);

/** Stores that tasks may read and write. */
export interface TaskStores {
  readonly sources: readonly DeployedStore[];
  readonly targets: readonly DeployedStore[];
}

export interface TaskFunctionsProps {
  readonly kind: JobKind;
  readonly deployment: DeploymentConfig;
  readonly data: DataStack;
  readonly stores: TaskStores;
  readonly topic: ITopic;
  readonly tracing: boolean;
  readonly bundles: string;
}

export interface TaskFunctionOptions {
  /** Name of its file. */
  readonly task: string;
  readonly description?: string;
  readonly needs: TaskNeeds;
  readonly storageMb?: number;
}

/** The functions of a state machine, each allowed what its task does. */
export class TaskFunctions extends Construct {
  readonly #props: TaskFunctionsProps;
  readonly #made: ServiceFunction[] = [];

  constructor(scope: Construct, id: string, props: TaskFunctionsProps) {
    super(scope, id);
    this.#props = props;
  }

  get all(): readonly ServiceFunction[] {
    return this.#made;
  }

  /** The ARN of the function of each task, by the names of the tasks. */
  addAll<T extends string>(tasks: readonly T[], needs: Readonly<Record<T, TaskNeeds>>): Record<T, string> {
    const arns = tasks.map((task) => [task, this.add({ task, needs: needs[task] }).lambda.functionArn]);
    return Object.fromEntries(arns) as Record<T, string>;
  }

  add({ task, description = task, needs, storageMb }: TaskFunctionOptions): ServiceFunction {
    const { kind, deployment, data, stores, tracing, bundles, topic } = this.#props;
    const bundle = bundleOf(kind, task);
    const used: readonly (readonly [readonly DeployedStore[], StoreNeeds | undefined])[] = [
      [stores.sources, needs.source],
      [stores.targets, needs.target],
    ];
    const connections = used.flatMap(([side, need]) =>
      need === undefined ? [] : side.map((store) => ({ store, need })),
    );
    const networks = connections.map(({ store }) => store.network).filter((network) => network !== undefined);
    const made = new ServiceFunction(this, bundle, {
      name: bundle,
      description: `${kind}: ${description}`,
      bundles,
      deployment,
      tracing,
      timeout: TASK_TIMEOUT,
      // That of the other store leads to both.
      network: networks.toSorted((a, b) => b.securityGroups.length - a.securityGroups.length)[0],
      unlimited: true,
      ...(storageMb !== undefined && { storageMb }),
    });
    // Its configuration names the store of the deployment, whether it opens it or not.
    data.uncached.describe(made);
    for (const { store, need } of connections) store.connect(made, need);
    data.backups.connect(made, needs.objects);
    if (needs.notifies === true) {
      made.setVariable('HFSTORAGE_TOPIC_ARN', topic.topicArn);
      made.allow(['sns:Publish'], [topic.topicArn]);
    }
    if (needs.followsExecutions === true) followExecutions(made, deployment.name, kind);
    this.#made.push(made);
    return made;
  }
}
