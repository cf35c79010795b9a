import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';
import type { DataStack } from '../data/data-stack.ts';
import type { PeerFile } from '../environment/peer-file.ts';
import { machineArn } from './job-names.ts';
import { JobStateMachine } from './job-state-machine.ts';
import { longWorkDefinition } from './long-work-definition.ts';
import { PeerStore } from './peer-store.ts';
import { startOnSchedule } from './schedules.ts';
import { TaskFunctions, type TaskStores } from './task-functions.ts';
import { migrationNeeds } from './task-permissions.ts';

const WEEK_SECONDS = 604_800;

export interface MigrationStackProps extends StackProps {
  readonly config: Config;
  readonly deployment: DeploymentConfig;
  readonly data: DataStack;
  /** The other store; without one there is nothing to migrate, and the functions may reach no store. */
  readonly peer: PeerFile | undefined;
  readonly topic: ITopic;
  readonly tracing: boolean;
  readonly bundles: string;
}

/** The state machine of migrations between the store of the deployment and another one. */
export class MigrationStack extends Stack {
  constructor(scope: Construct, id: string, props: MigrationStackProps) {
    const { config, deployment, data, peer, topic, tracing, bundles, ...rest } = props;
    super(scope, id, rest);
    const stores = this.#stores(props);
    const functions = new TaskFunctions(this, 'Tasks', {
      kind: 'migration',
      deployment,
      data,
      stores,
      topic,
      tracing,
      bundles,
    });
    const tasks = functions.addAll(Object.keys(migrationNeeds) as (keyof typeof migrationNeeds)[], migrationNeeds);
    const machine = new JobStateMachine(this, 'Machine', {
      kind: 'migration',
      deployment,
      definition: longWorkDefinition({
        comment: 'Copies all entities of one store to another, compares both and repairs what differs.',
        kind: 'migration',
        tasks,
        phases: ['check', 'back-up', 'back-up-moment', 'copy', 'digest', 'examine', 'clean-up'],
        concurrency: config.migration.parallel_workers,
        timeoutSeconds: WEEK_SECONDS,
        last: tasks.announce,
      }),
      functions: functions.all,
      tracing,
    });
    this.#schedule(props)?.node.addDependency(machine);
    new CfnOutput(this, 'StateMachine', {
      value: machineArn(deployment.name, 'migration'),
      description: 'State machine of migrations.',
    });
  }

  /** Least privilege: what the other store is for decides what may be done with either. */
  #stores({ deployment, data, peer }: MigrationStackProps): TaskStores {
    if (peer === undefined) return { sources: [], targets: [] };
    const { peer_role } = deployment.migration;
    const own = data.uncached;
    const other = new PeerStore(this, 'Peer', { peer: peer.config, deployment, network: own.network });
    return {
      sources: [...(peer_role === 'target' ? [] : [other]), ...(peer_role === 'source' ? [] : [own])],
      targets: [...(peer_role === 'source' ? [] : [other]), ...(peer_role === 'target' ? [] : [own])],
    };
  }

  #schedule({ config, deployment, peer }: MigrationStackProps): Construct | undefined {
    const { schedule, peer_role } = deployment.migration;
    if (schedule === undefined || peer === undefined) return undefined;
    const { expression, timezone, merge, delete_extra } = schedule;
    const [own, other] = [config.storage.strategy, peer.config.storage.strategy];
    const order =
      peer_role === 'source'
        ? { source_type: other, source_config: peer.name, target_type: own }
        : { source_type: own, target_type: other, target_config: peer.name };
    return startOnSchedule(
      this,
      'Schedule',
      { expression, timezone },
      { deployment: deployment.name, kind: 'migration', order: { ...order, merge, delete_extra } },
    );
  }
}
