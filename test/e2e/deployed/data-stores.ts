/** Stores created from the templates' own definitions: tables in DynamoDB Local, buckets in the S3 server of the tests. */
import {
  type AttributeDefinition,
  CreateTableCommand,
  DynamoDBClient,
  type GlobalSecondaryIndex,
  type KeySchemaElement,
} from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import type { Backend } from './aws-endpoint.ts';
import { REGION } from './physical-ids.ts';
import type { Resource, Stacks } from './stacks.ts';

interface GlobalTable {
  readonly TableName: string;
  readonly AttributeDefinitions: AttributeDefinition[];
  readonly KeySchema: KeySchemaElement[];
  readonly GlobalSecondaryIndexes?: readonly Pick<GlobalSecondaryIndex, 'IndexName' | 'KeySchema' | 'Projection'>[];
}

const clientOf = ({ endpoint, accessKeyId = 'test' }: Backend) => ({
  endpoint,
  region: REGION,
  credentials: { accessKeyId, secretAccessKey: 'test' },
});

/** Creates every table of the templates, without capacity, which DynamoDB Local lacks. */
export async function createTables(stacks: Stacks, backend: Backend): Promise<void> {
  const client = new DynamoDBClient(clientOf(backend));
  const tables = [...stacks.ofType('AWS::DynamoDB::GlobalTable'), ...stacks.ofType('AWS::DynamoDB::Table')];
  try {
    for (const { properties } of tables) {
      const { TableName, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes } =
        properties as unknown as GlobalTable;
      const indexes = GlobalSecondaryIndexes?.map(({ IndexName, KeySchema: keys, Projection }) => ({
        IndexName,
        KeySchema: keys,
        Projection,
      }));
      await client.send(
        new CreateTableCommand({
          TableName,
          AttributeDefinitions,
          KeySchema,
          BillingMode: 'PAY_PER_REQUEST',
          ...(indexes !== undefined && { GlobalSecondaryIndexes: indexes }),
        }),
      );
    }
  } finally {
    client.destroy();
  }
}

/** Creates every bucket of the templates. */
export async function createBuckets(stacks: Stacks, backend: Backend): Promise<void> {
  const client = new S3Client({ ...clientOf(backend), forcePathStyle: true });
  try {
    for (const { ref: Bucket, properties } of stacks.ofType('AWS::S3::Bucket')) {
      await client.send(new CreateBucketCommand({ Bucket }));
      if (properties.VersioningConfiguration === undefined) continue;
      const VersioningConfiguration = { Status: 'Enabled' as const };
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    }
  } finally {
    client.destroy();
  }
}

interface Encryption {
  readonly ServerSideEncryptionConfiguration: readonly {
    readonly ServerSideEncryptionByDefault: { readonly KMSMasterKeyID?: string };
  }[];
}

interface Replica {
  readonly Region: string;
  readonly SSESpecification?: { readonly KMSMasterKeyId?: string };
}

/** The customer managed key of a bucket, or of the table of this region. */
export function keyOf({ type, properties }: Resource): string | undefined {
  if (type === 'AWS::DynamoDB::GlobalTable') {
    const here = (properties.Replicas as readonly Replica[]).find(({ Region }) => Region === REGION);
    return here?.SSESpecification?.KMSMasterKeyId;
  }
  const encryption = properties.BucketEncryption as Encryption | undefined;
  return encryption?.ServerSideEncryptionConfiguration[0]?.ServerSideEncryptionByDefault.KMSMasterKeyID;
}
