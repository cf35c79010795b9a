import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { InstanceType, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { Key } from 'aws-cdk-lib/aws-kms';
import {
  type CfnDBInstance,
  Credentials,
  DatabaseInstance,
  DatabaseInstanceEngine,
  DatabaseProxy,
  ParameterGroup,
  PostgresEngineVersion,
  ProxyTarget,
  StorageType,
} from 'aws-cdk-lib/aws-rds';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { DEFAULT_PORT } from '../../config/postgresql-access.ts';
import type { DeployedStore } from './deployed-store.ts';
import { explain } from '../nag-reasons.ts';
import { allowKey } from './key-access.ts';
import { pinned } from './logical-ids.ts';
import type { Network } from './network.ts';
import type { ServiceFunction } from '../functions/service-function.ts';

export interface SqlStoreProps {
  readonly storage: Config['storage'];
  readonly deployment: DeploymentConfig;
  readonly key: Key | undefined;
  readonly network: Network;
}

/** A PostgreSQL database in private subnets, with RDS Proxy if configured. */
export class SqlStore extends Construct implements DeployedStore {
  readonly network: Network;
  readonly instance: DatabaseInstance;
  readonly proxy: DatabaseProxy | undefined;
  readonly #username: string;
  readonly #key: Key | undefined;

  constructor(scope: Construct, id: string, { storage, deployment, key, network }: SqlStoreProps) {
    super(scope, id);
    this.network = network;
    this.#key = key;
    this.#username = storage.sql_strategy.username as string;
    this.instance = this.#database(storage.sql_strategy.name, deployment);
    pinned(this.instance.node.defaultChild as CfnDBInstance, 'Database');
    this.proxy = deployment.rds.proxy ? this.#proxy(deployment) : undefined;
    (this.proxy ?? this.instance).connections.allowFrom(network.clients, Port.tcp(DEFAULT_PORT), 'Functions');
  }

  describe(target: ServiceFunction): void {
    target.setVariable('HFSTORAGE_DATABASE_HOST', this.proxy?.endpoint ?? this.instance.dbInstanceEndpointAddress);
    if (this.proxy === undefined) target.setVariable('HFSTORAGE_DATABASE_SECRET', this.secret.secretArn);
  }

  connect(target: ServiceFunction): void {
    this.describe(target);
    if (this.proxy !== undefined) {
      this.proxy.grantConnect(target, this.#username);
      return;
    }
    target.allow(['secretsmanager:GetSecretValue'], [this.secret.secretArn]);
    allowKey(target, this.#key, 'secretsmanager', 'read');
  }

  /** The login that RDS creates and rotates. */
  get secret(): ISecret {
    return this.instance.secret as ISecret;
  }

  #database(databaseName: string, { name, rds, deletion_protection }: DeploymentConfig): DatabaseInstance {
    const version = PostgresEngineVersion.of(rds.engine_version, rds.engine_version.split('.')[0] as string);
    const engine = DatabaseInstanceEngine.postgres({ version });
    const securityGroup = new SecurityGroup(this, 'DatabaseGroup', {
      vpc: this.network.vpc,
      description: `${name}: database`,
      allowAllOutbound: false,
    });
    const instance = new DatabaseInstance(this, 'Database', {
      engine,
      databaseName,
      credentials: Credentials.fromUsername(this.#username, {
        ...(this.#key !== undefined && { encryptionKey: this.#key }),
      }),
      // RDS keeps the password in its own secret and rotates it every 7 days, without a function of ours.
      manageMasterUserPassword: true,
      iamAuthentication: true,
      vpc: this.network.vpc,
      vpcSubnets: this.network.vpcSubnets,
      securityGroups: [securityGroup],
      publiclyAccessible: false,
      instanceType: new InstanceType(rds.instance_class),
      multiAz: rds.multi_az,
      storageType: StorageType.GP3,
      allocatedStorage: rds.storage_gb,
      maxAllocatedStorage: rds.max_storage_gb,
      storageEncrypted: true,
      ...(this.#key !== undefined && { storageEncryptionKey: this.#key }),
      parameterGroup: new ParameterGroup(this, 'Parameters', {
        engine,
        description: `${name}: PostgreSQL`,
        parameters: {
          // Connections without TLS are refused.
          'rds.force_ssl': '1',
          // Minutes that RDS keeps the server's log: 7 days, the maximum.
          'rds.log_retention_period': '10080',
          // The proxy cannot pass on timeouts for the sessions that it shares.
          statement_timeout: '30000',
          idle_in_transaction_session_timeout: '60000',
        },
      }),
      backupRetention: Duration.days(rds.backup_days),
      copyTagsToSnapshot: true,
      deleteAutomatedBackups: false,
      autoMinorVersionUpgrade: true,
      monitoringInterval: Duration.seconds(60),
      enablePerformanceInsights: true,
      deletionProtection: deletion_protection,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    explain(
      instance,
      'RDS11',
      'The port is not a secret. Only the functions can connect, with encryption and a login.',
    );
    explain(
      instance,
      'IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole]',
      "AWS's own policy for the role with which RDS writes metrics of the operating system.",
    );
    if (!rds.multi_az)
      explain(instance, 'RDS3', 'deployment.rds.multi_az is false in the configuration of this environment.');
    if (!deletion_protection) {
      explain(instance, 'RDS10', 'deployment.deletion_protection is false in the configuration of this environment.');
    }
    return instance;
  }

  #proxy({ name }: DeploymentConfig): DatabaseProxy {
    const securityGroup = new SecurityGroup(this, 'ProxyGroup', {
      vpc: this.network.vpc,
      description: `${name}: RDS Proxy`,
      allowAllOutbound: false,
    });
    return new DatabaseProxy(this, 'Proxy', {
      proxyTarget: ProxyTarget.fromInstance(this.instance),
      secrets: [this.secret],
      iamAuth: true,
      requireTLS: true,
      vpc: this.network.vpc,
      vpcSubnets: this.network.vpcSubnets,
      securityGroups: [securityGroup],
      maxConnectionsPercent: 90,
      // Less than a call waits for a connection (pool_timeout).
      borrowTimeout: Duration.seconds(20),
    });
  }
}
