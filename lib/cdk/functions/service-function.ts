import { join } from 'node:path';
import { type Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import { Effect, type IGrantable, type IPrincipal, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { CONFIG_FILE } from '../environment/placeholders.ts';
import { acknowledgeWildcard } from '../nag-reasons.ts';
import { HANDLER } from './bundle.ts';
import type { FunctionNetwork } from './function-network.ts';

export interface ServiceFunctionProps {
  readonly description: string;
  /** Folder with the bundles of all functions. */
  readonly bundles: string;
  /** Name of this function's bundle. */
  readonly name: string;
  readonly deployment: DeploymentConfig;
  /** Whether X-Ray traces it. */
  readonly tracing: boolean;
  readonly timeout: Duration;
  /** Its network, if it must reach something in a VPC. */
  readonly network?: FunctionNetwork | undefined;
  /** MB of memory, if it differs from the functions of the API. */
  readonly memoryMb?: number;
  /** MB of its temporary folder; Lambda's 512 if left out. */
  readonly storageMb?: number;
  /** Whether it is exempt from the limit on concurrent calls. */
  readonly unlimited?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

const NETWORK_ACTIONS = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
];

/** A Lambda function of this program, with its own role and log. */
export class ServiceFunction extends Construct implements IGrantable {
  readonly lambda: LambdaFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: ServiceFunctionProps) {
    super(scope, id);
    const { deployment, network } = props;
    const logGroup = new LogGroup(this, 'Log', {
      retention: deployment.log_retention_days,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', {
      description: `Role of ${deployment.name}: ${props.description}`,
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    logGroup.grantWrite(this.role);
    if (network !== undefined) this.#allowNetwork();
    const { reserved_concurrency, memory_mb } = deployment.lambda;
    this.lambda = new LambdaFunction(this, 'Function', {
      description: `${deployment.name}: ${props.description}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: HANDLER,
      code: Code.fromAsset(join(props.bundles, props.name)),
      role: this.role,
      logGroup,
      timeout: props.timeout,
      memorySize: props.memoryMb ?? memory_mb,
      ...(props.storageMb !== undefined && { ephemeralStorageSize: Size.mebibytes(props.storageMb) }),
      ...(reserved_concurrency !== undefined &&
        props.unlimited !== true && { reservedConcurrentExecutions: reserved_concurrency }),
      tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      // Not spread: a spread silently omits getters of a class, and CDK creates a group if none is given.
      ...(network !== undefined && {
        vpc: network.vpc,
        vpcSubnets: network.vpcSubnets,
        securityGroups: network.securityGroups,
      }),
      environment: {
        // Relative to the function's folder, where Lambda starts it.
        HFSTORAGE_CONFIG: CONFIG_FILE,
        // Separates the metrics of deployments that share an account.
        POWERTOOLS_SERVICE_NAME: deployment.name,
        POWERTOOLS_METRICS_NAMESPACE: 'HostFactory',
        ...props.environment,
      },
    });
    if (props.tracing) {
      acknowledgeWildcard(this.role, '*', 'X-Ray has no resources to which its actions could be limited.');
    }
  }

  get grantPrincipal(): IPrincipal {
    return this.role;
  }

  /** Allows actions on resources. */
  allow(actions: readonly string[], resources: readonly string[], conditions?: PolicyStatement['conditions']): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: [...actions],
        resources: [...resources],
        ...(conditions !== undefined && { conditions }),
      }),
    );
  }

  setVariable(name: string, value: string): void {
    this.lambda.addEnvironment(name, value);
  }

  /** Lambda attaches the function to its subnets with the function's role. The code itself must not do so. */
  #allowNetwork(): void {
    this.allow(NETWORK_ACTIONS, ['*']);
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        effect: Effect.DENY,
        actions: NETWORK_ACTIONS,
        resources: ['*'],
        // Lambda sends this key only with calls from a function's code.
        conditions: { Null: { 'lambda:SourceFunctionArn': 'false' } },
      }),
    );
    acknowledgeWildcard(
      this.role,
      '*',
      'Lambda attaches the function to its subnets with this role and needs these actions on all network interfaces; the code of the function is denied them.',
    );
  }
}
