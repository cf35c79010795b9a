/** The permissions that a call to AWS needs, according to the Service Authorization Reference. */
import type { Permission } from './iam-policies.ts';
import { arn, REGION } from './physical-ids.ts';

export interface AwsCall {
  /** The service in its signature. */
  readonly service: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** The key that encrypts the data at an ARN; undefined for AWS's own key. */
export type KeyOf = (resource: string) => string | undefined;

interface DynamodbCall {
  readonly TableName?: string;
  readonly IndexName?: string;
  readonly RequestItems?: Readonly<Record<string, unknown>>;
  readonly TransactItems?: readonly Readonly<Record<string, { readonly TableName: string }>>[];
}

const tableArn = (name: string): string => arn('dynamodb', `table/${name}`);
const operationOf = ({ headers }: AwsCall): string => String(headers['x-amz-target']).split('.').at(-1) as string;
const jsonOf = ({ body }: AwsCall): Record<string, unknown> => JSON.parse(body.toString()) as Record<string, unknown>;

/** TransactWriteItems has no permission of its own; its parts have. */
const transactParts: Readonly<Record<string, string>> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
  Get: 'GetItem',
};

/** Permissions on tables and indexes, without those on their encryption keys. */
function onTables(call: AwsCall): Permission[] {
  const operation = operationOf(call);
  const { TableName, IndexName, RequestItems, TransactItems } = jsonOf(call) as DynamodbCall;
  if (RequestItems !== undefined) {
    return Object.keys(RequestItems).map((name) => ({ action: `dynamodb:${operation}`, resource: tableArn(name) }));
  }
  if (TransactItems !== undefined) {
    return TransactItems.flatMap((item) =>
      Object.entries(item).map(([part, { TableName: name }]) => ({
        action: `dynamodb:${transactParts[part]}`,
        resource: tableArn(name),
      })),
    );
  }
  if (TableName === undefined)
    throw new TypeError(`dynamodb:${operation} names no table: add it to aws-permissions.ts.`);
  const index = IndexName === undefined ? '' : `/index/${IndexName}`;
  return [{ action: `dynamodb:${operation}`, resource: `${tableArn(TableName)}${index}` }];
}

/** The additional key permissions that the caller needs for encrypted data, through the service that stores it. */
const viaKey = (keyOf: KeyOf, service: string, holder: string, actions: readonly string[]): Permission[] => {
  const resource = keyOf(holder);
  if (resource === undefined) return [];
  const context = { 'kms:ViaService': `${service}.${REGION}.amazonaws.com` };
  return actions.map((action) => ({ action, resource, context }));
};

/** DynamoDB decrypts the key of a table for every caller that reads or writes. */
const dynamodb = (call: AwsCall, keyOf: KeyOf): Permission[] =>
  onTables(call).flatMap((permission) => [
    permission,
    ...viaKey(keyOf, 'dynamodb', permission.resource.replace(/\/index\/.*$/, ''), ['kms:Decrypt']),
  ]);

function s3({ method, target, headers }: AwsCall, keyOf: KeyOf): Permission[] {
  const url = new URL(target, 'http://s3');
  const [bucket = '', ...rest] = decodeURIComponent(url.pathname).slice(1).split('/');
  const key = rest.join('/');
  const bucketArn = arn('s3', bucket, '', '');
  const objectArn = `${bucketArn}/${key}`;
  const has = (name: string): boolean => url.searchParams.has(name);
  const decrypting = (actions: readonly string[]) => viaKey(keyOf, 's3', bucketArn, actions);
  if (key === '') {
    if (method === 'GET' && has('versions')) return [{ action: 's3:ListBucketVersions', resource: bucketArn }];
    if (method === 'HEAD' || (method === 'GET' && has('list-type')))
      return [{ action: 's3:ListBucket', resource: bucketArn }];
    if (method === 'POST' && has('delete')) return [{ action: 's3:DeleteObject', resource: `${bucketArn}/*` }];
  } else if (method === 'GET' || method === 'HEAD') {
    const action = has('versionId') ? 's3:GetObjectVersion' : 's3:GetObject';
    return [{ action, resource: objectArn }, ...decrypting(['kms:Decrypt'])];
  } else if (method === 'DELETE') {
    if (has('uploadId')) return [{ action: 's3:AbortMultipartUpload', resource: objectArn }];
    return [{ action: has('versionId') ? 's3:DeleteObjectVersion' : 's3:DeleteObject', resource: objectArn }];
  } else if (method === 'PUT' || method === 'POST') {
    const copied = headers['x-amz-copy-source'];
    const source =
      copied === undefined
        ? []
        : [
            {
              action: 's3:GetObject',
              resource: arn('s3', decodeURIComponent(String(copied)).replace(/^\//, ''), '', ''),
            },
          ];
    const inParts = has('uploads') || has('uploadId') || copied !== undefined;
    const keys = decrypting(inParts ? ['kms:GenerateDataKey', 'kms:Decrypt'] : ['kms:GenerateDataKey']);
    return [{ action: 's3:PutObject', resource: objectArn }, ...source, ...keys];
  }
  throw new TypeError(`S3 ${method} ${target} is unknown: add it to aws-permissions.ts.`);
}

/** Members of calls with the ARN of their resource. */
const ARN_MEMBERS = ['SecretId', 'stateMachineArn', 'executionArn', 'mapRunArn', 'TopicArn', 'BackupArn', 'TargetArn'];

/** Actions whose names differ from those of their calls. */
const renamed: Readonly<Record<string, string>> = { 'sns:PublishBatch': 'sns:Publish' };

/** Services that name one resource by its ARN, as a member of JSON or of a form. */
function byArn(call: AwsCall): Permission[] {
  const isForm = String(call.headers['content-type']).startsWith('application/x-www-form-urlencoded');
  const members: Record<string, unknown> = isForm
    ? Object.fromEntries(new URLSearchParams(call.body.toString()))
    : jsonOf(call);
  const operation = isForm ? String(members.Action) : operationOf(call);
  const named = ARN_MEMBERS.find((name) => members[name] !== undefined);
  const action = `${call.service}:${operation}`;
  if (named === undefined) throw new TypeError(`${action} names no ARN: add it to aws-permissions.ts.`);
  return [{ action: renamed[action] ?? action, resource: String(members[named]) }];
}

/** The permissions that a call needs. @throws TypeError if the call is unknown */
export function permissionsOf(call: AwsCall, keyOf: KeyOf): Permission[] {
  if (call.service === 'dynamodb') return dynamodb(call, keyOf);
  if (call.service === 's3') return s3(call, keyOf);
  return byArn(call);
}
