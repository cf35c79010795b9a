import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { type CfnKey, Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { BackupBucket } from './backup-bucket.ts';
import { DaxStore } from './dax-store.ts';
import type { DeployedStore } from './deployed-store.ts';
import { DynamodbStore } from './dynamodb-store.ts';
import { JsonStore } from './json-store.ts';
import { logBucket } from './log-bucket.ts';
import { pinned } from './logical-ids.ts';
import { Network } from './network.ts';
import { SqlStore } from './sql-store.ts';

export interface DataStackProps extends StackProps {
  readonly storage: Config['storage'];
  readonly deployment: DeploymentConfig;
}

/** The resources that hold data: they outlive the stack, which is itself protected against termination. */
export class DataStack extends Stack {
  readonly store: DeployedStore;
  /** The store that migrations and backups use: without a cache. */
  readonly uncached: DeployedStore;
  readonly backups: BackupBucket;
  readonly tables: DynamodbStore | undefined;
  readonly cache: DaxStore | undefined;
  readonly database: SqlStore | undefined;
  readonly files: JsonStore | undefined;
  readonly key: Key | undefined;

  constructor(scope: Construct, id: string, { storage, deployment, ...props }: DataStackProps) {
    super(scope, id, { ...props, terminationProtection: true });
    this.key = deployment.customer_managed_key ? this.#key(deployment) : undefined;
    const logs = logBucket(this, deployment);
    const common = { storage, deployment, key: this.key };
    this.backups = new BackupBucket(this, 'Backups', { deployment, key: this.key, logs });
    switch (storage.strategy) {
      case 'json':
        this.files = new JsonStore(this, 'Files', { ...common, logs });
        this.store = this.files;
        break;
      case 'sql':
        this.database = new SqlStore(this, 'Sql', { ...common, network: this.#network(deployment) });
        this.store = this.database;
        break;
      case 'dynamodb':
        this.tables = new DynamodbStore(this, 'Tables', common);
        if (storage.dynamodb_strategy.enable_dax) {
          this.cache = new DaxStore(this, 'Dax', {
            deployment,
            tables: this.tables,
            network: this.#network(deployment),
          });
        }
        this.store = this.cache ?? this.tables;
        break;
    }
    this.uncached = this.tables ?? this.store;
  }

  #key({ name }: DeploymentConfig): Key {
    const key = new Key(this, 'Key', {
      description: `${name}: stored data`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    pinned(key.node.defaultChild as CfnKey, 'DataKey');
    return key;
  }

  #network(deployment: DeploymentConfig): Network {
    const { vpc, rds } = deployment;
    // checkDeployment guarantees it.
    if (vpc === undefined) throw new TypeError('deployment.vpc is missing.');
    return new Network(this, 'Network', { deployment, vpc, secrets: !rds.proxy });
  }
}
