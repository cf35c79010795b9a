/** The resources that hold data match the model, outlive the stack and are private. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { createTableInput, tableDefinitions } from '../../../lib/strategies/dynamodb/tables/table-definitions.ts';
import { assemblyFolder, type Shipped, shipped } from '../assembly-folder.ts';
import { environment, templatesOf } from '../synthesized.ts';

const templateOf = await templatesOf(
  ...shipped,
  ...(['as-little-as-possible', 'other-numbers', 'replicas', 'vpc-that-exists', 'password-without-proxy'] as const),
);

const GLOBAL_TABLE = 'AWS::DynamoDB::GlobalTable';

test('the tables equal those that this program creates itself', () => {
  const config = environment('dev');
  const template = templateOf('dev', 'data');
  for (const definition of tableDefinitions(config.storage.dynamodb_strategy)) {
    const { TableName, KeySchema, AttributeDefinitions, GlobalSecondaryIndexes, BillingMode } =
      createTableInput(definition);
    const declared = Object.values(template.findResources(GLOBAL_TABLE, { Properties: { TableName } }));
    expect(declared).toHaveLength(1);
    expect(declared[0]?.Properties).toMatchObject({
      KeySchema,
      BillingMode,
      ...(GlobalSecondaryIndexes !== undefined && { GlobalSecondaryIndexes }),
    });
    const byName = (a: { AttributeName?: string | undefined }, b: { AttributeName?: string | undefined }) =>
      `${a.AttributeName}` < `${b.AttributeName}` ? -1 : 1;
    expect(declared[0]?.Properties.AttributeDefinitions.toSorted(byName)).toEqual(
      AttributeDefinitions?.toSorted(byName),
    );
  }
});

test('tables have point-in-time recovery, are protected and encrypted, and outlive the stack', () => {
  const template = templateOf('prod', 'data');
  const tables = Object.values(template.findResources(GLOBAL_TABLE));
  expect(tables).toHaveLength(3);
  for (const { Properties, DeletionPolicy, UpdateReplacePolicy } of tables) {
    expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(['Retain', 'Retain']);
    expect(Properties.SSESpecification).toEqual({ SSEEnabled: true, SSEType: 'KMS' });
    expect(Properties.Replicas).toMatchObject([
      {
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { KMSMasterKeyId: { 'Fn::GetAtt': ['DataKey', 'Arn'] } },
      },
    ]);
  }
  template.hasResource('AWS::KMS::Key', { DeletionPolicy: 'Retain', Properties: { EnableKeyRotation: true } });
});

test('features can be turned off in the configuration', () => {
  const template = templateOf('as-little-as-possible', 'data');
  template.allResourcesProperties(GLOBAL_TABLE, {
    Replicas: [
      Match.objectLike({
        DeletionProtectionEnabled: false,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false },
      }),
    ],
  });
  template.resourceCountIs('AWS::KMS::Key', 0);
});

const scaling = (least: number, most: number, kind: 'Read' | 'Write', seed: number, target = 70) => ({
  [`${kind}CapacityAutoScalingSettings`]: {
    MinCapacity: least,
    MaxCapacity: most,
    SeedCapacity: seed,
    TargetTrackingScalingPolicyConfiguration: { TargetValue: target },
  },
});

test('provisioned tables and indexes scale from 1 to 100 at 70 percent', () => {
  const template = templateOf('prod', 'data');
  const machines = Object.values(template.findResources(GLOBAL_TABLE)).find(
    ({ Properties }) => Properties.TableName === 'hostfactory_machines',
  )?.Properties;
  const write = scaling(1, 100, 'Write', 10);
  const read = scaling(1, 100, 'Read', 10);
  expect(machines.BillingMode).toBe('PROVISIONED');
  expect(machines.WriteProvisionedThroughputSettings).toEqual(write);
  for (const index of machines.GlobalSecondaryIndexes) expect(index.WriteProvisionedThroughputSettings).toEqual(write);
  expect(machines.Replicas[0].ReadProvisionedThroughputSettings).toEqual(read);
  expect(machines.Replicas[0].GlobalSecondaryIndexes).toHaveLength(3);
  for (const index of machines.Replicas[0].GlobalSecondaryIndexes) {
    expect(index.ReadProvisionedThroughputSettings).toEqual(read);
  }
});

test('provisioned tables without scaling keep their capacity', () => {
  const template = templateOf('other-numbers', 'data');
  template.allResourcesProperties(GLOBAL_TABLE, {
    WriteProvisionedThroughputSettings: scaling(3, 3, 'Write', 3),
    Replicas: [Match.objectLike({ ReadProvisionedThroughputSettings: scaling(7, 7, 'Read', 7) })],
  });
});

test('replicas are in the regions that the configuration names, with their keys', () => {
  const key = Match.stringLikeRegexp('^arn:aws:kms:eu-west-1:123456789012:key/');
  const template = templateOf('replicas', 'data');
  template.allResourcesProperties(GLOBAL_TABLE, {
    Replicas: Match.arrayWith([
      Match.objectLike({ Region: 'eu-west-1', SSESpecification: { KMSMasterKeyId: key } }),
      Match.objectLike({ Region: 'eu-central-1' }),
    ]),
  });
});

test('the bucket of the JSON store is versioned, private, encrypted and logged', () => {
  const template = templateOf('json', 'data');
  template.hasResource('AWS::S3::Bucket', {
    DeletionPolicy: 'Retain',
    Properties: {
      VersioningConfiguration: { Status: 'Enabled' },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { BucketKeyEnabled: true, ServerSideEncryptionByDefault: Match.objectLike({ SSEAlgorithm: 'aws:kms' }) },
        ],
      },
      LoggingConfiguration: { DestinationBucketName: { Ref: 'AccessLogs' } },
      LifecycleConfiguration: {
        Rules: Match.arrayWith([Match.objectLike({ NoncurrentVersionExpiration: { NoncurrentDays: 30 } })]),
      },
    },
  });
  // No access without TLS.
  template.resourcePropertiesCountIs(
    'AWS::S3::BucketPolicy',
    {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    },
    3,
  );
});

test('the database is private, in two zones, encrypted, with a login that RDS rotates, and accepts only TLS', () => {
  const template = templateOf('sql', 'data');
  template.hasResource('AWS::RDS::DBInstance', {
    DeletionPolicy: 'Retain',
    Properties: {
      Engine: 'postgres',
      EngineVersion: '18.3',
      DBInstanceClass: 'db.t4g.medium',
      AllocatedStorage: '50',
      MultiAZ: true,
      PubliclyAccessible: false,
      StorageEncrypted: true,
      DeletionProtection: true,
      BackupRetentionPeriod: 14,
      ManageMasterUserPassword: true,
      EnableIAMDatabaseAuthentication: true,
      MasterUsername: 'hostfactory_user',
      DBName: 'hostfactory',
    },
  });
  template.hasResourceProperties('AWS::RDS::DBParameterGroup', {
    Parameters: Match.objectLike({ 'rds.force_ssl': '1' }),
  });
  template.hasResourceProperties('AWS::RDS::DBProxy', {
    RequireTLS: true,
    Auth: [Match.objectLike({ AuthScheme: 'SECRETS', IAMAuth: 'REQUIRED' })],
  });
});

/** The networks and groups that a template accepts. */
const letIn = (template: Template): unknown[] => [
  ...Object.values(template.findResources('AWS::EC2::SecurityGroupIngress')).map(
    ({ Properties }) => Properties.CidrIp ?? Properties.SourceSecurityGroupId,
  ),
  ...Object.values(template.findResources('AWS::EC2::SecurityGroup')).flatMap(
    ({ Properties }) => Properties.SecurityGroupIngress ?? [],
  ),
];

test.each(['sql', 'dax'] as const)(
  'the VPC of %s has no internet access, and accepts only security groups',
  (name) => {
    const template = templateOf(name, 'data');
    template.resourceCountIs('AWS::EC2::InternetGateway', 0);
    template.resourceCountIs('AWS::EC2::NatGateway', 0);
    template.resourceCountIs('AWS::EC2::Subnet', 2);
    template.resourceCountIs('AWS::EC2::FlowLog', 1);
    expect(letIn(template).every((source) => JSON.stringify(source).includes('GroupId'))).toBe(true);
  },
);

test('an existing VPC is used unchanged', () => {
  const SubnetIds = ['subnet-0123abcd', 'subnet-4567abcd'];
  const template = templateOf('vpc-that-exists', 'data');
  template.resourceCountIs('AWS::EC2::VPC', 0);
  template.hasResourceProperties('AWS::RDS::DBSubnetGroup', { SubnetIds });
  templateOf('vpc-that-exists', 'api').hasResourceProperties('AWS::Lambda::Function', { VpcConfig: { SubnetIds } });
});

test('without RDS Proxy the functions read the secret, and the VPC has an endpoint for it', () => {
  const data = templateOf('password-without-proxy', 'data');
  data.resourceCountIs('AWS::RDS::DBProxy', 0);
  data.hasResourceProperties('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Interface', PrivateDnsEnabled: true });
  templateOf('password-without-proxy', 'api').hasResourceProperties('AWS::IAM::Policy', {
    PolicyDocument: {
      Statement: Match.arrayWith([Match.objectLike({ Action: 'secretsmanager:GetSecretValue', Effect: 'Allow' })]),
    },
  });
});

test('the DAX cluster is encrypted in transit and at rest, and uses the configured lifetimes', () => {
  const template = templateOf('dax', 'data');
  template.hasResourceProperties('AWS::DAX::Cluster', {
    NodeType: 'dax.t3.small',
    ReplicationFactor: 3,
    SSESpecification: { SSEEnabled: true },
    ClusterEndpointEncryptionType: 'TLS',
  });
  template.hasResourceProperties('AWS::DAX::ParameterGroup', {
    ParameterNameValues: { 'record-ttl-millis': '300000', 'query-ttl-millis': '60000' },
  });
});

// With another logical id CloudFormation would replace the resource that holds the data.
test.each<[Shipped, string[]]>([
  ['dev', ['AccessLogs', 'BackupBucket', 'MachinesTable', 'RequestsTable', 'TemplatesTable']],
  ['prod', ['AccessLogs', 'BackupBucket', 'DataKey', 'MachinesTable', 'RequestsTable', 'TemplatesTable']],
  ['json', ['AccessLogs', 'BackupBucket', 'DataKey', 'StoreBucket']],
  ['sql', ['AccessLogs', 'BackupBucket', 'DataKey', 'Database']],
  ['dax', ['AccessLogs', 'BackupBucket', 'DaxCluster', 'MachinesTable', 'RequestsTable', 'TemplatesTable']],
])('the logical ids of %s do not change', (name, ids) => {
  const stateful = /GlobalTable|S3::Bucket$|KMS::Key|DBInstance|DAX::Cluster/;
  const { Resources } = templateOf(name, 'data').toJSON() as {
    Resources: Record<string, { Type: string }>;
  };
  const found = Object.entries(Resources).filter(([, { Type }]) => stateful.test(Type));
  expect(found.map(([id]) => id).toSorted()).toEqual(ids);
});

test.each(shipped)('only the data stack of %s is protected against termination', async (name) => {
  const manifest = JSON.parse(readFileSync(join(await assemblyFolder(name), 'manifest.json'), 'utf8')) as {
    artifacts: Record<string, { type: string; properties: { terminationProtection?: boolean } }>;
  };
  const stacks = Object.entries(manifest.artifacts).filter(([, { type }]) => type === 'aws:cloudformation:stack');
  expect(
    Object.fromEntries(
      stacks.map(([id, { properties }]) => [id.split('-').at(-1), properties.terminationProtection ?? false]),
    ),
  ).toEqual({ data: true, api: false, migration: false, backup: false, monitoring: false });
});
