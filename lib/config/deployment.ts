/** Keys of `deployment`: what CDK deploys on AWS, apart from the API. */
import * as z from 'zod';
import { deployedBackup, deployedMigration } from './deployed-jobs.ts';

/** The retention periods in days that CloudWatch Logs accepts. */
const RETENTION_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653];

const region = () => z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, { error: 'must be a region such as eu-central-1' });

const replica = z.strictObject({
  region: region().describe('Region of the replica.'),
  key_arn: z
    .string()
    .regex(/^arn:aws[a-z-]*:kms:/, { error: 'must be the ARN of a KMS key' })
    .optional()
    .describe('KMS key in that region that encrypts the replica. Required with customer_managed_key.'),
});

const vpc = z
  .strictObject({
    cidr: z
      .string()
      .regex(/^\d{1,3}(\.\d{1,3}){3}\/(1[6-9]|2[0-4])$/, { error: 'must be a network such as 10.60.0.0/16' })
      .default('10.60.0.0/16')
      .describe('Addresses of the created VPC. No effect with id.'),
    id: z
      .string()
      .regex(/^vpc-[0-9a-f]+$/, { error: 'must be the id of a VPC, such as vpc-0123456789abcdef0' })
      .optional()
      .describe('An existing VPC, instead of a created one. It must already have its endpoints.'),
    subnet_ids: z
      .array(z.string().regex(/^subnet-[0-9a-f]+$/, { error: 'must be the id of a subnet' }))
      .default([])
      .describe('Two or more private subnets of the VPC with that id, in different availability zones.'),
  })
  .superRefine(({ id, subnet_ids }, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['subnet_ids'], message });
    if (id !== undefined && subnet_ids.length < 2) refuse('must name two or more subnets of the VPC that id names');
    if (id === undefined && subnet_ids.length > 0) refuse('applies only with id; remove it, or name the VPC in id');
  });

const rds = z
  .strictObject({
    engine_version: z
      .string()
      .regex(/^1[3-9](\.\d+)?$/, { error: 'must be a version of PostgreSQL from 13 on, such as "18.3"' })
      .default('18.3')
      .describe('Version of PostgreSQL.'),
    instance_class: z
      .string()
      .regex(/^[a-z0-9]+\.[a-z0-9]+$/, { error: 'must be a class such as t4g.medium' })
      .default('t4g.medium')
      .describe('Class of the database instance, without the db. prefix.'),
    storage_gb: z.int().min(20).max(65_536).default(20).describe('Initial GB of storage.'),
    max_storage_gb: z
      .int()
      .min(20)
      .max(65_536)
      .default(200)
      .describe('GB up to which the storage grows automatically.'),
    multi_az: z.boolean().default(true).describe('Whether a standby in another availability zone takes over.'),
    backup_days: z.int().min(1).max(35).default(7).describe("Days that RDS's own backups are kept."),
    proxy: z.boolean().default(true).describe('Whether the functions connect through RDS Proxy.'),
  })
  .superRefine(({ storage_gb, max_storage_gb }, context) => {
    if (max_storage_gb >= storage_gb) return;
    const message = `must be at least storage_gb, ${storage_gb}`;
    context.addIssue({ code: 'custom', path: ['max_storage_gb'], message });
  });

const dax = z.strictObject({
  node_type: z
    .string()
    .regex(/^dax\.[a-z0-9]+\.[a-z0-9]+$/, { error: 'must be a type such as dax.t3.small' })
    .default('dax.t3.small')
    .describe('Type of the nodes.'),
  // DAX: 11 nodes in a cluster. Fewer than 3 do not survive the loss of a zone.
  nodes: z.int().min(1).max(11).default(3).describe('Nodes of the cluster: one for writes, the others for reads.'),
  item_seconds: z.int().min(1).max(86_400).default(300).describe('Seconds that items stay in the cache.'),
  query_seconds: z.int().min(1).max(86_400).default(60).describe('Seconds that query results stay in the cache.'),
});

const lambda = z.strictObject({
  // Lambda: 128 MB to 10,240 MB; processor time comes with memory, a whole processor at 1,769 MB.
  memory_mb: z.int().min(128).max(10_240).default(1024).describe('MB of memory of each function.'),
  reserved_concurrency: z
    .int()
    .min(1)
    .optional()
    .describe('Most concurrent calls of each function. Default: the limit of the account.'),
});

const alarms = z
  .strictObject({
    emails: z
      .array(z.email({ error: 'must be an e-mail address' }))
      .default([])
      .describe('Who is notified of an alarm. Each address has to confirm once.'),
    topic_arn: z
      .string()
      .regex(/^arn:aws[a-z-]*:sns:/, { error: 'must be the ARN of an SNS topic' })
      .optional()
      .describe('An existing SNS topic, instead of a created one. Its subscriptions are managed elsewhere.'),
  })
  .superRefine(({ emails, topic_arn }, context) => {
    if (emails.length === 0 || topic_arn === undefined) return;
    const message = 'applies only without topic_arn, whose subscriptions are managed elsewhere; remove one';
    context.addIssue({ code: 'custom', path: ['emails'], message });
  });

export const deployment = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z](-?[a-z0-9])*$/, {
        error: 'must consist of lowercase letters, digits and single hyphens between them',
      })
      .max(30)
      .default('hostfactory')
      .describe('Prefix of the names of the stacks.'),
    region: region().optional().describe('Region of the stacks. Default: that of the AWS credentials.'),
    account: z
      .string()
      .regex(/^\d{12}$/, { error: 'must be the 12 digits of an account' })
      .optional()
      .describe('AWS account of the stacks. Default: that of the AWS credentials.'),
    tags: z.record(z.string().min(1).max(128), z.string().max(256)).default({}).describe('Tags of every resource.'),
    customer_managed_key: z
      .boolean()
      .default(false)
      .describe('Whether your own KMS key encrypts the stored data, instead of one managed by AWS.'),
    point_in_time_recovery: z
      .boolean()
      .default(true)
      .describe('Whether DynamoDB tables can be restored to any second of the last 35 days.'),
    deletion_protection: z
      .boolean()
      .default(true)
      .describe('Whether DynamoDB and RDS refuse to delete the tables and the database.'),
    replicas: z
      .array(replica)
      .default([])
      .describe('Other regions that hold copies of the DynamoDB tables (global tables). Requires region.'),
    version_retention_days: z
      .int()
      .min(1)
      .max(3650)
      .default(30)
      .describe(
        'Days during which replaced and removed objects can be restored: of the JSON store, of backups and of the state of migrations.',
      ),
    vpc: vpc
      .optional()
      .describe('The network of the functions: private subnets without internet access. Required by RDS and DAX.'),
    rds: rds.prefault({}).describe('The PostgreSQL database of storage.strategy sql.'),
    dax: dax.prefault({}).describe('The DAX cluster of storage.dynamodb_strategy.enable_dax.'),
    lambda: lambda.prefault({}).describe('The functions.'),
    log_retention_days: z
      .int()
      .refine((days) => RETENTION_DAYS.includes(days), { error: `must be one of ${RETENTION_DAYS.join(', ')}` })
      .default(90)
      .describe('Days that logs are kept.'),
    alarms: alarms.prefault({}).describe('Where alarms go.'),
    migration: deployedMigration.prefault({}).describe('The state machine of migrations.'),
    backup: deployedBackup.prefault({}).describe('The state machine of backups, and when it runs.'),
  })
  .superRefine(({ replicas, region, customer_managed_key }, context) => {
    const refuse = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path: ['replicas', ...path], message });
    if (replicas.length > 0 && region === undefined) refuse([], 'need deployment.region, the region of the stacks');
    for (const [i, one] of replicas.entries()) {
      const others = [region, ...replicas.slice(0, i).map((other) => other.region)];
      if (others.includes(one.region))
        refuse([i, 'region'], 'must differ from the region of the stacks and of the other replicas');
      if (customer_managed_key && one.key_arn === undefined) {
        refuse(
          [i, 'key_arn'],
          'is required with customer_managed_key: the key of the stacks works only in their region',
        );
      }
      if (!customer_managed_key && one.key_arn !== undefined) {
        refuse(
          [i, 'key_arn'],
          'applies only with customer_managed_key; remove it, or set customer_managed_key to true',
        );
      }
    }
  });

/** Everything that is deployed apart from the API, complete with defaults. */
export type DeploymentConfig = z.output<typeof deployment>;
