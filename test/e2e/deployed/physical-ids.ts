/** Names and attributes that AWS would give to resources: the results of `Ref` and `Fn::GetAtt`. */
import { createHash } from 'node:crypto';

export const REGION = 'us-east-1';
export const ACCOUNT = '123456789012';
export const PARTITION = 'aws';

export interface Identified {
  readonly stack: string;
  readonly logicalId: string;
  readonly type: string;
  /** Known properties: those that name a resource are plain text. */
  readonly properties: Readonly<Record<string, unknown>>;
  /** Suffix that is unique to this deployment. */
  readonly suffix: string;
}

export const arn = (service: string, resource: string, region = REGION, account = ACCOUNT): string =>
  `arn:${PARTITION}:${service}:${region}:${account}:${resource}`;

const short = (...parts: string[]): string => createHash('sha256').update(parts.join('/')).digest('hex').slice(0, 10);

/** Properties that name a resource. */
const nameProperties: Readonly<Record<string, string>> = {
  'AWS::ApiGateway::Stage': 'StageName',
  'AWS::DynamoDB::GlobalTable': 'TableName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::RDS::DBProxy': 'DBProxyName',
  'AWS::S3::Bucket': 'BucketName',
};

/** The name of a resource: its own, or one as CloudFormation would generate it. */
export function nameOf({ stack, logicalId, type, properties, suffix }: Identified): string {
  const own = properties[nameProperties[type] ?? ''];
  if (typeof own === 'string') return own;
  if (type === 'AWS::S3::Bucket') return `${stack}-${logicalId}-${suffix}`.toLowerCase().slice(0, 63);
  if (type === 'AWS::ApiGateway::RestApi' || type === 'AWS::ApiGateway::Resource') return short(stack, logicalId);
  return `${stack}-${logicalId}`;
}

const arns: Readonly<Record<string, (resource: Identified) => string>> = {
  'AWS::DynamoDB::GlobalTable': (resource) => arn('dynamodb', `table/${nameOf(resource)}`),
  'AWS::DynamoDB::Table': (resource) => arn('dynamodb', `table/${nameOf(resource)}`),
  'AWS::Lambda::Function': (resource) => arn('lambda', `function:${nameOf(resource)}`),
  'AWS::IAM::Role': (resource) => arn('iam', `role/${nameOf(resource)}`, ''),
  'AWS::IAM::ManagedPolicy': (resource) => arn('iam', `policy/${nameOf(resource)}`, ''),
  'AWS::S3::Bucket': (resource) => arn('s3', nameOf(resource), '', ''),
  'AWS::KMS::Key': (resource) => arn('kms', `key/${nameOf(resource)}`),
  'AWS::Logs::LogGroup': (resource) => arn('logs', `log-group:${nameOf(resource)}:*`),
  'AWS::SNS::Topic': (resource) => arn('sns', nameOf(resource)),
  'AWS::StepFunctions::StateMachine': (resource) => arn('states', `stateMachine:${nameOf(resource)}`),
  'AWS::SecretsManager::Secret': (resource) => arn('secretsmanager', `secret:${nameOf(resource)}-AbCdEf`),
  'AWS::RDS::DBInstance': (resource) => arn('rds', `db:${nameOf(resource)}`),
  'AWS::RDS::DBProxy': (resource) => arn('rds', `db-proxy:prx-${short(resource.stack, resource.logicalId)}`),
};

/** Types whose Ref is their ARN. */
const refIsArn: ReadonlySet<string> = new Set([
  'AWS::IAM::ManagedPolicy',
  'AWS::SNS::Topic',
  'AWS::StepFunctions::StateMachine',
  'AWS::SecretsManager::Secret',
]);

export const arnOf = (resource: Identified): string =>
  arns[resource.type]?.(resource) ?? arn(resource.type.split('::')[1]?.toLowerCase() ?? '', nameOf(resource));

export const refOf = (resource: Identified): string =>
  refIsArn.has(resource.type) ? arnOf(resource) : nameOf(resource);

/** Domain of the databases; the certificate in `fixtures` is for the names in it. */
export const DATABASE_DOMAIN = `hfstorage.${REGION}.rds.amazonaws.com`;

/** An attribute of a resource. Most are arbitrary, as on AWS; meaningful ones have the same form as there. */
export function attributeOf(resource: Identified, name: string): string {
  const { logicalId, type } = resource;
  if (name === 'Arn' || name === 'DBProxyArn' || /^(Topic|StateMachine|DBInstance)Arn$/.test(name))
    return arnOf(resource);
  if (name === 'RootResourceId') return `${nameOf(resource)}-root`;
  if (name === 'Name') return nameOf(resource);
  if (type === 'AWS::RDS::DBProxy' && name === 'Endpoint') return `${logicalId.toLowerCase()}.${DATABASE_DOMAIN}`;
  if (name === 'Endpoint.Address') return `${logicalId.toLowerCase()}.${DATABASE_DOMAIN}`;
  if (name === 'Endpoint.Port') return '5432';
  if (name.endsWith('SecretArn')) return arn('secretsmanager', `secret:rds!db-${logicalId}-AbCdEf`);
  return `${logicalId}-${name}`;
}
