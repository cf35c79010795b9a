import { Annotations, Fn, RemovalPolicy, Tags } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type ISubnet,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { DeploymentConfig } from '../../config/deployment.ts';
import type { FunctionNetwork } from '../functions/function-network.ts';

export interface NetworkProps {
  readonly deployment: DeploymentConfig;
  readonly vpc: NonNullable<DeploymentConfig['vpc']>;
  /** Whether functions read secrets, for which a created VPC gets an endpoint. */
  readonly secrets: boolean;
}

/** Private subnets in two zones without internet access: created here, or existing ones from the configuration. */
export class Network extends Construct implements FunctionNetwork {
  readonly vpc: IVpc;
  readonly vpcSubnets: { readonly subnets: ISubnet[] };
  /** The security group of the functions. The resources they connect to accept only this group. */
  readonly clients: SecurityGroup;

  constructor(scope: Construct, id: string, { deployment, vpc, secrets }: NetworkProps) {
    super(scope, id);
    this.vpc = vpc.id === undefined ? this.#make(vpc.cidr, deployment) : this.#existing(vpc.id, vpc.subnet_ids);
    this.vpcSubnets = { subnets: this.vpc.isolatedSubnets };
    this.clients = new SecurityGroup(this, 'Clients', {
      vpc: this.vpc,
      description: `${deployment.name}: functions`,
      allowAllOutbound: false,
    });
    this.clients.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'AWS services, through the endpoints of the VPC');
    if (secrets && vpc.id === undefined) this.#addSecretsEndpoint(deployment);
  }

  get securityGroups(): SecurityGroup[] {
    return [this.clients];
  }

  #make(cidr: string, { name, log_retention_days }: DeploymentConfig): IVpc {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(cidr),
      maxAzs: 2,
      natGateways: 0,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [{ name: 'private', subnetType: SubnetType.PRIVATE_ISOLATED }],
      // Both are free of charge.
      gatewayEndpoints: {
        DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
        S3: { service: GatewayVpcEndpointAwsService.S3 },
      },
    });
    Tags.of(vpc).add('Name', name);
    const logGroup = new LogGroup(this, 'FlowLog', {
      retention: log_retention_days,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    vpc.addFlowLog('Flow', { destination: FlowLogDestination.toCloudWatchLogs(logGroup) });
    // CDK's classes and interfaces differ under exactOptionalPropertyTypes.
    return vpc as IVpc;
  }

  #addSecretsEndpoint({ name }: DeploymentConfig): void {
    const group = new SecurityGroup(this, 'EndpointGroup', {
      vpc: this.vpc,
      description: `${name}: VPC endpoint`,
      allowAllOutbound: false,
    });
    group.connections.allowFrom(this.clients, Port.HTTPS, 'Functions');
    this.vpc.addInterfaceEndpoint('SecretsManager', {
      service: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
      subnets: this.vpcSubnets,
      securityGroups: [group],
      // Open only to that group, not to the whole VPC.
      open: false,
    });
  }

  #existing(vpcId: string, subnetIds: string[]): IVpc {
    const reason = 'Nothing here changes the routes of an existing VPC.';
    Annotations.of(this).acknowledgeWarning('@aws-cdk/aws-ec2:noSubnetRouteTableId', reason);
    return Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId,
      // Not used by anything deployed here; CDK requires one per subnet.
      availabilityZones: subnetIds.map((_, i) => Fn.select(i, Fn.getAzs())),
      isolatedSubnetIds: subnetIds,
    });
  }
}
