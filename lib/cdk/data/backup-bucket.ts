import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Key } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type IBucket,
  type LifecycleRule,
  ObjectLockRetention,
  ObjectOwnership,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { acknowledgeWildcard } from '../nag-reasons.ts';
import { allowKey } from './key-access.ts';
import { pinned } from './logical-ids.ts';
import { PREFIXES } from '../environment/placeholders.ts';
import type { ServiceFunction } from '../functions/service-function.ts';

export interface BackupBucketProps {
  readonly deployment: DeploymentConfig;
  readonly key: Key | undefined;
  /** Bucket for S3's access logs. */
  readonly logs: IBucket;
}

/** The access of a function to the objects of a prefix. */
export type PrefixAccess = 'add' | 'read' | 'write' | 'read and remove' | 'write and remove';

const ACTIONS: Readonly<Record<PrefixAccess, readonly string[]>> = {
  add: ['s3:PutObject'],
  read: ['s3:GetObject'],
  write: ['s3:GetObject', 's3:PutObject'],
  'read and remove': ['s3:DeleteObject', 's3:GetObject'],
  'write and remove': ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'],
};

/** The versioned bucket of backups, and of the state that the tasks of migrations and backups share. */
export class BackupBucket extends Construct {
  readonly bucket: Bucket;
  readonly #key: Key | undefined;

  constructor(scope: Construct, id: string, { deployment, key, logs }: BackupBucketProps) {
    super(scope, id);
    this.#key = key;
    const { object_lock_days } = deployment.backup;
    this.bucket = new Bucket(this, 'Bucket', {
      versioned: true,
      ...(object_lock_days !== undefined && {
        objectLockDefaultRetention: ObjectLockRetention.governance(Duration.days(object_lock_days)),
      }),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      ...(key === undefined
        ? { encryption: BucketEncryption.S3_MANAGED }
        : { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }),
      serverAccessLogsBucket: logs,
      serverAccessLogsPrefix: 'backups/',
      lifecycleRules: lifecycleOf(deployment),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    pinned(this.bucket.node.defaultChild as CfnBucket, 'BackupBucket');
  }

  /** Grants a function access to prefixes, and sets the variable that names the bucket. */
  connect(target: ServiceFunction, access: { readonly [P in keyof typeof PREFIXES]?: PrefixAccess | undefined }): void {
    target.setVariable('HFSTORAGE_BACKUP_BUCKET', this.bucket.bucketName);
    const bucketArn = Stack.of(this).exportValue(this.bucket.bucketArn);
    const used = Object.entries(access).filter(([, how]) => how !== undefined) as [
      keyof typeof PREFIXES,
      PrefixAccess,
    ][];
    if (used.length === 0) return;
    // Also needed for S3 to report an object as missing instead of forbidden; a condition on the prefix would prevent that.
    target.allow(['s3:ListBucket'], [bucketArn]);
    for (const [prefix, how] of used) {
      const objects = `${bucketArn}/${PREFIXES[prefix]}/*`;
      target.allow(ACTIONS[how], [objects]);
      acknowledgeWildcard(target.role, objects, `Objects below ${PREFIXES[prefix]}, whose names contain ids and numbers.`);
    }
    const writes = used.some(([, how]) => ACTIONS[how].includes('s3:PutObject'));
    allowKey(target, this.#key, 's3', writes ? 'write' : 'read');
  }
}

function lifecycleOf({ version_retention_days, backup }: DeploymentConfig): LifecycleRule[] {
  const { archive_after_days } = backup;
  const archived = [PREFIXES.backups, PREFIXES.migrationBackups].map((prefix) => ({
    prefix: `${prefix}/`,
    transitions: [
      {
        storageClass: StorageClass.GLACIER_INSTANT_RETRIEVAL,
        transitionAfter: Duration.days(archive_after_days ?? 0),
      },
    ],
  }));
  return [
    { noncurrentVersionExpiration: Duration.days(version_retention_days) },
    // The delete marker of an object expires with its last version.
    { expiredObjectDeleteMarker: true },
    { abortIncompleteMultipartUploadAfter: Duration.days(1) },
    ...(archive_after_days === undefined ? [] : archived),
  ];
}
