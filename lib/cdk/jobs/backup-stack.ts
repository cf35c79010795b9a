import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { SnsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { DeploymentConfig } from '../../config/deployment.ts';
import type { DataStack } from '../data/data-stack.ts';
import { machineArn } from './job-names.ts';
import { RESTORE_TEST } from './job-sources.ts';
import { JobStateMachine } from './job-state-machine.ts';
import { longWorkDefinition } from './long-work-definition.ts';
import { NativeBackups } from './native-backups.ts';
import { callOnSchedule, startOnSchedule } from './schedules.ts';
import { TaskFunctions } from './task-functions.ts';
import { backupNeeds } from './task-permissions.ts';

/** Units of a store that are read at the same time. */
const CONCURRENCY = 4;
/** With the time that it waits for its turn. */
const WEEK_SECONDS = 604_800;

export interface BackupStackProps extends StackProps {
  readonly deployment: DeploymentConfig;
  readonly data: DataStack;
  readonly topic: ITopic;
  readonly tracing: boolean;
  readonly bundles: string;
}

/** The state machine of backups with its schedule, the restore test, the watch over their age, and native backups. */
export class BackupStack extends Stack {
  constructor(scope: Construct, id: string, props: BackupStackProps) {
    const { deployment, data, topic, tracing, bundles, ...rest } = props;
    super(scope, id, rest);
    const common = { kind: 'backup', deployment, data, topic, tracing, bundles } as const;
    const functions = new TaskFunctions(this, 'Tasks', {
      ...common,
      stores: { sources: [data.uncached], targets: [] },
    });
    const tasks = functions.addAll(
      ['take-turn', 'next', 'back-up', 'back-up-moment', 'report-failure', 'prune'],
      backupNeeds,
    );
    const machine = new JobStateMachine(this, 'Machine', {
      kind: 'backup',
      deployment,
      definition: longWorkDefinition({
        comment: 'Takes a portable backup of the store, and removes those that the retention does not keep.',
        kind: 'backup',
        tasks,
        phases: ['back-up', 'back-up-moment'],
        concurrency: CONCURRENCY,
        timeoutSeconds: WEEK_SECONDS,
        last: tasks.prune,
      }),
      functions: functions.all,
      tracing,
    });
    const { name, backup } = deployment;
    if (backup.schedule !== 'none') {
      const when = { expression: backup.schedule, timezone: backup.timezone };
      startOnSchedule(this, 'Schedule', when, { deployment: name, kind: 'backup' }).node.addDependency(machine);
    }
    this.#watch(props);
    if (backup.native !== undefined) new NativeBackups(this, 'Native', { deployment, native: backup.native, data });
    new CfnOutput(this, 'StateMachine', {
      value: machineArn(name, 'backup'),
      description: 'State machine of backups.',
    });
  }

  /** What looks at backups besides their making: how old the newest is, and whether it can be restored. */
  #watch({ deployment, data, topic, tracing, bundles }: BackupStackProps): void {
    const stores = { sources: [], targets: [] };
    const watch = new TaskFunctions(this, 'Watch', {
      kind: 'backup',
      deployment,
      data,
      topic,
      tracing,
      bundles,
      stores,
    });
    const measureAge = watch.add({
      task: 'measure-age',
      needs: backupNeeds['measure-age'],
    });
    callOnSchedule(this, 'MeasureAge', { expression: 'rate(1 hour)', timezone: 'UTC' }, measureAge);
    const { restore_test_schedule, restore_test_storage_mb, timezone } = deployment.backup;
    if (restore_test_schedule === 'none') return;
    const restoreTest = watch.add({
      task: RESTORE_TEST,
      description: 'restores the newest one into a scratch database',
      needs: backupNeeds[RESTORE_TEST],
      storageMb: restore_test_storage_mb,
    });
    // Lambda sends it whatever goes wrong, time and memory included. What has failed once fails again.
    restoreTest.lambda.configureAsyncInvoke({ retryAttempts: 0, onFailure: new SnsDestination(topic) });
    callOnSchedule(this, 'RestoreTest', { expression: restore_test_schedule, timezone }, restoreTest);
  }
}
