import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { DeploymentConfig } from '../../config/deployment.ts';
import type { ServiceFunction } from '../functions/service-function.ts';
import { acknowledgeWildcard, explain } from '../nag-reasons.ts';
import { executionArns, type JobKind, machineArn, machineName } from './job-names.ts';
import type { Definition } from './states.ts';

export interface JobStateMachineProps {
  readonly kind: JobKind;
  readonly deployment: DeploymentConfig;
  readonly definition: Definition;
  /** The functions that do its tasks. */
  readonly functions: readonly ServiceFunction[];
  /** Whether X-Ray traces it. */
  readonly tracing: boolean;
}

/** A state machine that may call its functions and the executions of its own Maps, and nothing else. */
export class JobStateMachine extends Construct {
  readonly role: Role;

  constructor(
    scope: Construct,
    id: string,
    { kind, deployment, definition, functions, tracing }: JobStateMachineProps,
  ) {
    super(scope, id);
    const { name } = deployment;
    this.role = new Role(this, 'Role', {
      description: `Role of ${machineName(name, kind)}`,
      assumedBy: new ServicePrincipal('states.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    this.#allow(
      ['lambda:InvokeFunction'],
      functions.map(({ lambda }) => lambda.functionArn),
    );
    this.#allowMaps(name, kind);
    const machine = new StateMachine(this, 'StateMachine', {
      stateMachineName: machineName(name, kind),
      definitionBody: DefinitionBody.fromString(Stack.of(this).toJsonString(definition)),
      role: this.role,
      tracingEnabled: tracing,
      logs: {
        destination: new LogGroup(this, 'Log', {
          // With this prefix, logs share one entry of the account's policy for them, whose size is limited.
          logGroupName: `/aws/vendedlogs/states/${machineName(name, kind)}`,
          retention: deployment.log_retention_days,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: LogLevel.ALL,
        // Neither input nor output.
        includeExecutionData: false,
      },
    });
    // The policy must be there before the first execution.
    machine.node.addDependency(this.role);
    acknowledgeWildcard(
      this.role,
      '*',
      'Deliveries of logs and X-Ray have no resources that actions could be limited to.',
    );
    if (!tracing) explain(machine, 'SF2', 'api.tracing is false in the configuration of this environment.');
  }

  #allow(actions: string[], resources: string[]): void {
    this.role.addToPrincipalPolicy(new PolicyStatement({ actions, resources }));
  }

  /** A distributed Map starts executions of its own machine. They are redriven with the execution that was stopped in a Map. */
  #allowMaps(name: string, kind: JobKind): void {
    this.#allow(['states:StartExecution'], [machineArn(name, kind)]);
    const executions = executionArns(name, kind);
    this.#allow(['states:DescribeExecution', 'states:StopExecution'], [executions]);
    acknowledgeWildcard(
      this.role,
      executions,
      'Executions of this state machine, whose names are made when they start.',
    );
    const units = executionArns(name, kind, '/*');
    this.#allow(['states:RedriveExecution'], [units]);
    acknowledgeWildcard(
      this.role,
      units,
      'Executions of the Maps of this state machine, whose names are made by them.',
    );
  }
}
