import { CfnCluster, CfnParameterGroup, CfnSubnetGroup } from 'aws-cdk-lib/aws-dax';
import { Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { collectionNames } from '../../model/collections.ts';
import type { DeployedStore } from './deployed-store.ts';
import type { DynamodbStore } from './dynamodb-store.ts';
import { pinned } from './logical-ids.ts';
import type { Network } from './network.ts';
import type { ServiceFunction } from '../functions/service-function.ts';
import type { DynamodbAction, StoreNeeds } from '../functions/store-permissions.ts';

/** The port of clusters with encryption in transit. */
const TLS_PORT = 9111;

const TABLE_ACTIONS: readonly DynamodbAction[] = [
  'BatchGetItem',
  'ConditionCheckItem',
  'DeleteItem',
  'GetItem',
  'PutItem',
  'Query',
  'Scan',
  'UpdateItem',
];

export interface DaxStoreProps {
  readonly deployment: DeploymentConfig;
  readonly tables: DynamodbStore;
  readonly network: Network;
}

/** A DAX cluster in front of the tables. Functions use only the cluster; its role has access to the tables. */
export class DaxStore extends Construct implements DeployedStore {
  readonly network: Network;
  readonly #cluster: CfnCluster;

  constructor(scope: Construct, id: string, { deployment, tables, network }: DaxStoreProps) {
    super(scope, id);
    this.network = network;
    const { name, dax } = deployment;
    const group = new SecurityGroup(this, 'Group', {
      vpc: network.vpc,
      description: `${name}: DAX`,
      allowAllOutbound: false,
    });
    group.connections.allowFrom(network.clients, Port.tcp(TLS_PORT), 'Functions');
    const subnets = new CfnSubnetGroup(this, 'Subnets', {
      subnetIds: network.vpcSubnets.subnets.map(({ subnetId }) => subnetId),
    });
    const parameters = new CfnParameterGroup(this, 'Parameters', {
      parameterNameValues: {
        'record-ttl-millis': `${dax.item_seconds * 1000}`,
        'query-ttl-millis': `${dax.query_seconds * 1000}`,
      },
    });
    this.#cluster = new CfnCluster(this, 'Cluster', {
      description: name,
      nodeType: dax.node_type,
      replicationFactor: dax.nodes,
      iamRoleArn: this.#role(tables).roleArn,
      securityGroupIds: [group.securityGroupId],
      subnetGroupName: subnets.ref,
      parameterGroupName: parameters.ref,
      sseSpecification: { sseEnabled: true },
      clusterEndpointEncryptionType: 'TLS',
    });
    pinned(this.#cluster, 'DaxCluster');
  }

  /** Name of the cluster, which CloudFormation generates. */
  get clusterName(): string {
    return this.#cluster.ref;
  }

  describe(target: ServiceFunction): void {
    target.setVariable('HFSTORAGE_DAX_ENDPOINT', this.#cluster.attrClusterDiscoveryEndpointUrl);
  }

  connect(target: ServiceFunction, { access, dynamodb }: StoreNeeds): void {
    this.describe(target);
    const actions = new Set(dynamodb.flatMap((need) => need.actions));
    // DAX does not return the item that conflicts with a write, so it must be read.
    if (access === 'write') actions.add('GetItem');
    target.allow(
      [...actions].sort().map((action) => `dax:${action}`),
      [this.#cluster.attrArn],
    );
  }

  #role(tables: DynamodbStore): Role {
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('dax.amazonaws.com') });
    const arns = collectionNames.map((collection) => tables.tableArn(collection));
    role.addToPolicy(
      new PolicyStatement({
        actions: [...TABLE_ACTIONS, 'DescribeTable'].map((action) => `dynamodb:${action}`),
        resources: [...arns, ...collectionNames.flatMap((collection) => tables.indexArns(collection))],
      }),
    );
    tables.allowKey(role);
    return role;
  }
}
