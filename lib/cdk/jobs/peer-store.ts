import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { portOf } from '../../config/postgresql-access.ts';
import { tableDefinitions } from '../../strategies/dynamodb/tables/table-definitions.ts';
import type { DeployedStore } from '../data/deployed-store.ts';
import { allowKey, type KeyService } from '../data/key-access.ts';
import { Network } from '../data/network.ts';
import { TableAccess } from '../data/table-access.ts';
import type { FunctionNetwork } from '../functions/function-network.ts';
import type { ServiceFunction } from '../functions/service-function.ts';
import type { StoreNeeds } from '../functions/store-permissions.ts';
import { acknowledgeWildcard } from '../nag-reasons.ts';

export interface PeerStoreProps {
  readonly peer: Config;
  readonly deployment: DeploymentConfig;
  /** Where functions run that use the deployment's own store. */
  readonly network: FunctionNetwork | undefined;
}

/** The other store of migrations, which exists already. Everything about it is in its configuration file. */
export class PeerStore extends Construct implements DeployedStore {
  readonly network: FunctionNetwork | undefined;
  readonly #storage: Config['storage'];
  readonly #deployment: DeploymentConfig;

  constructor(scope: Construct, id: string, { peer, deployment, network }: PeerStoreProps) {
    super(scope, id);
    this.#storage = peer.storage;
    this.#deployment = deployment;
    this.network = peer.storage.strategy === 'sql' ? this.#networkTo(peer, network) : network;
  }

  /** Nothing in its file is a variable. */
  describe(): void {}

  connect(target: ServiceFunction, needs: StoreNeeds): void {
    const connects = { json: this.#toBucket, dynamodb: this.#toTables, sql: this.#toDatabase };
    connects[this.#storage.strategy].call(this, target, needs);
  }

  #toTables(target: ServiceFunction, needs: StoreNeeds): void {
    const { dynamodb_strategy } = this.#storage;
    const definitions = tableDefinitions(dynamodb_strategy);
    new TableAccess(Stack.of(this), definitions, dynamodb_strategy.region).allow(target, needs);
    if (needs.dynamodb.length > 0) this.#allowKey(target, 'dynamodb', needs);
  }

  #toBucket(target: ServiceFunction, needs: StoreNeeds): void {
    const { base_path } = this.#storage.json_strategy;
    const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/*(.*?)\/*$/.exec(base_path) ?? [];
    const bucketArn = Stack.of(this).formatArn({ service: 's3', region: '', account: '', resource: bucket });
    const objects = `${bucketArn}/${prefix === '' ? '' : `${prefix}/`}*`;
    target.allow(['s3:ListBucket'], [bucketArn]);
    if (needs.access === 'open') return;
    target.allow(needs.access === 'read' ? ['s3:GetObject'] : ['s3:GetObject', 's3:PutObject'], [objects]);
    acknowledgeWildcard(target.role, objects, 'The files of the other store, whose names come from its configuration.');
    this.#allowKey(target, 's3', needs);
  }

  #toDatabase(target: ServiceFunction): void {
    const { password, username = '', iam_authentication } = this.#storage.sql_strategy;
    if (!iam_authentication) {
      target.allow(['secretsmanager:GetSecretValue'], [password as string]);
      this.#allowKey(target, 'secretsmanager', { access: 'read' });
      return;
    }
    const user = Stack.of(this).formatArn({
      service: 'rds-db',
      resource: 'dbuser',
      resourceName: `*/${username}`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    target.allow(['rds-db:connect'], [user]);
    acknowledgeWildcard(target.role, user, 'The id of the other database is known to RDS only; its user is named.');
  }

  #allowKey(target: ServiceFunction, service: KeyService, { access }: Pick<StoreNeeds, 'access'>): void {
    const { peer_key_arn } = this.#deployment.migration;
    if (peer_key_arn === undefined) return;
    const known = this.node.tryFindChild('Key') as Key | undefined;
    allowKey(target, known ?? Key.fromKeyArn(this, 'Key', peer_key_arn), service, access);
  }

  /** The network in which the functions are anyway, or that of the configuration, with a way to the database. */
  #networkTo({ storage }: Config, own: FunctionNetwork | undefined): FunctionNetwork {
    const { vpc, name } = this.#deployment;
    // readPeer has seen to it.
    if (vpc === undefined) throw new TypeError('deployment.vpc is missing.');
    const {
      vpc: made,
      vpcSubnets,
      securityGroups,
    } = own ?? new Network(this, 'Network', { deployment: this.#deployment, vpc, secrets: false });
    const group = new SecurityGroup(this, 'Clients', {
      vpc: made,
      description: `${name}: migrations`,
      allowAllOutbound: false,
    });
    group.addEgressRule(Peer.anyIpv4(), Port.tcp(portOf(storage.sql_strategy)), 'The other database');
    return { vpc: made, vpcSubnets, securityGroups: [...securityGroups, group] };
  }
}
