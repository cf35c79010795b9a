import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Key } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type IBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';
import type { DeployedStore } from './deployed-store.ts';
import { acknowledgeWildcard } from '../nag-reasons.ts';
import { allowKey } from './key-access.ts';
import { pinned } from './logical-ids.ts';
import { placeholders } from '../environment/placeholders.ts';
import type { ServiceFunction } from '../functions/service-function.ts';
import type { StoreNeeds } from '../functions/store-permissions.ts';

export interface JsonStoreProps {
  readonly storage: Config['storage'];
  readonly deployment: DeploymentConfig;
  readonly key: Key | undefined;
  /** Bucket for S3's access logs. */
  readonly logs: IBucket;
}

/** The versioned bucket of the JSON store. */
export class JsonStore extends Construct implements DeployedStore {
  readonly network = undefined;
  readonly bucket: Bucket;
  /** Keys of the store's objects. */
  readonly #objects: string;
  readonly #key: Key | undefined;

  constructor(scope: Construct, id: string, { storage, deployment, key, logs }: JsonStoreProps) {
    super(scope, id);
    this.#key = key;
    const prefix = storage.json_strategy.base_path
      .slice(`s3://${placeholders.HFSTORAGE_BUCKET}`.length)
      .replace(/^\/+|\/+$/g, '');
    this.#objects = prefix === '' ? '*' : `${prefix}/*`;
    this.bucket = new Bucket(this, 'Bucket', {
      versioned: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      ...(key === undefined
        ? { encryption: BucketEncryption.S3_MANAGED }
        : { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }),
      serverAccessLogsBucket: logs,
      serverAccessLogsPrefix: 'store/',
      lifecycleRules: [
        // Each save creates a new version of the journal.
        { noncurrentVersionExpiration: Duration.days(deployment.version_retention_days) },
        { abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    pinned(this.bucket.node.defaultChild as CfnBucket, 'StoreBucket');
  }

  describe(target: ServiceFunction): void {
    target.setVariable('HFSTORAGE_BUCKET', this.bucket.bucketName);
  }

  connect(target: ServiceFunction, { access }: StoreNeeds): void {
    this.describe(target);
    const bucketArn = Stack.of(this).exportValue(this.bucket.bucketArn);
    const objects = `${bucketArn}/${this.#objects}`;
    // Also needed for S3 to report an object as missing instead of forbidden.
    target.allow(['s3:ListBucket'], [bucketArn]);
    if (access === 'open') return;
    target.allow(access === 'read' ? ['s3:GetObject'] : ['s3:GetObject', 's3:PutObject'], [objects]);
    acknowledgeWildcard(
      target.role,
      objects,
      "The store's files and their backups, whose names come from the configuration.",
    );
    allowKey(target, this.#key, 's3', access);
  }
}
