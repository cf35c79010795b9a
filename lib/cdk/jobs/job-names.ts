/**
 * Names of the state machines. They are fixed, so that the API can start and follow executions without an export from the
 * stack of the state machine, which could not be changed or removed as long as the API used it.
 */
import { Aws } from 'aws-cdk-lib';

export type JobKind = 'backup' | 'migration';

export const machineName = (deployment: string, kind: JobKind): string => `${deployment}-${kind}`;

const arn = (resource: string): string => `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:${resource}`;

export const machineArn = (deployment: string, kind: JobKind): string =>
  arn(`stateMachine:${machineName(deployment, kind)}`);

/** All executions of a state machine. @param maps `/*` for those of its Maps instead */
export const executionArns = (deployment: string, kind: JobKind, maps = ''): string =>
  arn(`execution:${machineName(deployment, kind)}${maps}:*`);
