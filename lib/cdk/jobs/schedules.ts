import { Aws, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { ServiceFunction } from '../functions/service-function.ts';
import { type JobKind, machineArn } from './job-names.ts';

export interface When {
  readonly expression: string;
  readonly timezone: string;
}

interface Target {
  readonly arn: string;
  readonly input?: string;
}

/** An id that each start by a schedule has for itself; EventBridge Scheduler puts it in. */
const EXECUTION_ID = '<aws.scheduler.execution-id>';

/** EventBridge Scheduler, with a role that may do this one thing. */
class Schedule extends Construct {
  constructor(scope: Construct, id: string, when: When, action: string, resource: string, { arn, input }: Target) {
    super(scope, id);
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    role.addToPrincipalPolicy(new PolicyStatement({ actions: [action], resources: [resource] }));
    const schedule = new CfnSchedule(this, 'Schedule', {
      scheduleExpression: when.expression,
      scheduleExpressionTimezone: when.timezone,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn,
        roleArn: role.roleArn,
        ...(input !== undefined && { input }),
        retryPolicy: { maximumRetryAttempts: 5, maximumEventAgeInSeconds: 3600 },
      },
    });
    schedule.node.addDependency(role);
  }
}

/**
 * Starts a state machine on a schedule. The execution has the id of what it does for its name, as those have that the API
 * starts: by it, what becomes of them is found.
 */
export function startOnSchedule(
  scope: Construct,
  id: string,
  when: When,
  { deployment, kind, order }: { readonly deployment: string; readonly kind: JobKind; readonly order?: object },
): Construct {
  const Name = `scheduled-${kind}-${EXECUTION_ID}`;
  const machine = machineArn(deployment, kind);
  const input = { [`${kind}_id`]: Name, ...(order !== undefined && { order }) };
  return new Schedule(scope, id, when, 'states:StartExecution', machine, {
    // The call itself, since the target for state machines takes no name.
    arn: `arn:${Aws.PARTITION}:scheduler:::aws-sdk:sfn:startExecution`,
    input: Stack.of(scope).toJsonString({ StateMachineArn: machine, Name, Input: JSON.stringify(input) }),
  });
}

/** Calls a function on a schedule. */
export function callOnSchedule(scope: Construct, id: string, when: When, { lambda }: ServiceFunction): void {
  new Schedule(scope, id, when, 'lambda:InvokeFunction', lambda.functionArn, { arn: lambda.functionArn });
}
