import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type IBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { pinned } from './logical-ids.ts';

/** The bucket for S3's access logs of the other buckets. */
export function logBucket(scope: Construct, { log_retention_days }: DeploymentConfig): IBucket {
  const bucket = new Bucket(scope, 'AccessLogs', {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    // S3 delivers access logs only to buckets with S3-managed keys.
    encryption: BucketEncryption.S3_MANAGED,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    lifecycleRules: [{ expiration: Duration.days(log_retention_days) }],
    removalPolicy: RemovalPolicy.RETAIN,
  });
  pinned(bucket.node.defaultChild as CfnBucket, 'AccessLogs');
  // CDK's classes and interfaces differ under exactOptionalPropertyTypes.
  return bucket as IBucket;
}
