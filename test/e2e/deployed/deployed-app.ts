/**
 * An environment as it would be deployed, on this machine: everything is read from the assembly that CDK synthesizes. The
 * functions run from their assets, the API routes by its own methods, tables and buckets are made from their definitions, and
 * each call to AWS is checked against the policies of the role that makes it.
 */
import { randomUUID } from 'node:crypto';
import { needBackend } from '../../backends/backend.ts';
import { assemblyOf } from './assembly.ts';
import { type AwsEndpoint, type Backend, type Caller, startAwsEndpoint } from './aws-endpoint.ts';
import { createBuckets, createTables, keyOf } from './data-stores.ts';
import { type ApiGateway, startApiGateway } from './gateway.ts';
import { policiesOf, RolePolicies } from './iam-policies.ts';
import { LambdaFunction } from './lambda-function.ts';
import { arn } from './physical-ids.ts';
import { DATABASE_CERTIFICATE, startRdsProxy } from './rds-proxy.ts';
import { RestApi } from './rest-api.ts';
import type { Network } from './runtime-client.ts';
import { Stacks } from './stacks.ts';

/** A login with the policy that the API's stack creates for callers. */
export const CALLER = { accessKeyId: 'AKIACALLER', secretAccessKey: 'secret of the caller' } as const;
/** A login without any policy. */
export const STRANGER = { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'secret of the stranger' } as const;

/** The fake stores, so that tests can bypass the functions. */
export interface StoreAddresses {
  readonly dynamodb: Backend;
  readonly s3: Backend;
  /** The PostgreSQL database; undefined if the templates have none. */
  readonly database: string | undefined;
}

export interface DeployedApp {
  readonly stacks: Stacks;
  readonly api: RestApi;
  readonly functions: readonly LambdaFunction[];
  readonly aws: AwsEndpoint;
  readonly gateway: ApiGateway;
  readonly port: number;
  readonly stores: StoreAddresses;
  /** The function whose logical id contains this text. @throws Error unless there is exactly one */
  functionNamed(text: string): LambdaFunction;
  /** Hidden problems: calls that were not allowed or are unknown. Empty if everything is fine. */
  problems(): string[];
  close(): Promise<void>;
}

await Promise.all([needBackend('dynamodb'), needBackend('s3')]);

interface Database {
  readonly url: string;
  readonly network: Network;
  problems(): readonly string[];
  close(): Promise<void>;
}

/** The database of the templates, behind a fake RDS Proxy. */
async function openDatabase(
  stacks: Stacks,
  mayConnect: (accessKeyId: string, resource: string) => boolean,
): Promise<Database | undefined> {
  const [instance] = stacks.ofType('AWS::RDS::DBInstance');
  const [proxy] = stacks.ofType('AWS::RDS::DBProxy');
  if (instance === undefined || proxy === undefined) return undefined;
  // Imported here: the import waits for a server that the other environments do not need.
  const { createDatabase, dropDatabase } = await import('../../backends/test-database.ts');
  const name = `deployed-${randomUUID()}`;
  const database = await createDatabase(name);
  const proxyId = proxy.arn.split(':').at(-1) as string;
  const host = `${proxy.logicalId.toLowerCase()}.hfstorage.us-east-1.rds.amazonaws.com`;
  const listening = await startRdsProxy({
    database,
    databaseName: String(instance.properties.DBName),
    mayConnect: ({ user, host: asked, accessKeyId }) =>
      asked === host && mayConnect(accessKeyId, arn('rds-db', `dbuser:${proxyId}/${user}`)),
  });
  return {
    url: database,
    network: { hosts: { [`${host}:5432`]: listening.port }, ca: DATABASE_CERTIFICATE },
    problems: () => listening.refused,
    close: async () => {
      await listening.close();
      await dropDatabase(name);
    },
  };
}

/** Deploys a shipped environment, such as `dev`, with its own data. */
export async function deploy(environment: string): Promise<DeployedApp> {
  // A failure half way must leave nothing running: Jest would wait for it forever.
  await using opened = new AsyncDisposableStack();
  const id = randomUUID().replaceAll('-', '');
  const stacks = new Stacks(await assemblyOf(environment), id.slice(0, 8));
  // DynamoDB Local has separate tables for each access key, so the names of the templates are free.
  const dynamodb = { endpoint: process.env.HFSTORAGE_TEST_DYNAMODB_ENDPOINT as string, accessKeyId: id.slice(0, 20) };
  const s3 = { endpoint: process.env.HFSTORAGE_TEST_S3_ENDPOINT as string };
  const callers = new Map<string, Caller>();
  const holders = [...stacks.ofType('AWS::S3::Bucket'), ...stacks.ofType('AWS::DynamoDB::GlobalTable')];
  const aws = await startAwsEndpoint({
    callerOf: (accessKeyId) => callers.get(accessKeyId),
    backends: { dynamodb, s3 },
    keyOf: (resource) => {
      const holder = holders.find((each) => each.arn === resource);
      return holder && keyOf(holder);
    },
  });
  opened.defer(aws.close);
  const database = await openDatabase(stacks, (accessKeyId, resource) => {
    const caller = callers.get(accessKeyId);
    return caller !== undefined && aws.check(caller, { action: 'rds-db:connect', resource });
  });
  opened.defer(async () => database?.close());
  await Promise.all([createTables(stacks, dynamodb), createBuckets(stacks, s3)]);
  const functions = stacks.ofType('AWS::Lambda::Function').map((resource) => {
    const made = new LambdaFunction({ stacks, resource, awsEndpoint: aws.url, network: database?.network ?? {} });
    const policies = policiesOf(stacks, stacks.find(made.role));
    callers.set(made.accessKeyId, { name: resource.logicalId, policies });
    return made;
  });
  opened.defer(async () => void (await Promise.all(functions.map((each) => each.stop()))));
  const functionOf = (functionArn: string): LambdaFunction => {
    const found = functions.find((each) => each.arn === functionArn);
    if (found === undefined) throw new Error(`The templates have no function ${functionArn}.`);
    return found;
  };
  const api = new RestApi(stacks);
  const gateway = await startApiGateway({ api, functionOf, callerOf: apiCallers(stacks) });
  opened.defer(gateway.close);
  const all = opened.move();
  return {
    stacks,
    api,
    functions,
    aws,
    gateway,
    port: gateway.port,
    stores: { dynamodb, s3, database: database?.url },
    functionNamed: (text) => {
      const found = functions.filter(({ name }) => name.includes(text));
      if (found.length !== 1) throw new Error(`${found.length} functions have ${text} in their name.`);
      return found[0] as LambdaFunction;
    },
    problems: () => [
      ...aws.used
        .filter(({ allowed }) => !allowed)
        .map(({ caller, action, resource }) => `${caller}: ${action} on ${resource} is not allowed`),
      ...aws.faults,
      ...(database?.problems() ?? []),
    ],
    close: () => all.disposeAsync(),
  };
}

/** Callers of the API: one with the policy for callers, and one without any. */
function apiCallers(stacks: Stacks) {
  const statements = stacks
    .ofType('AWS::IAM::ManagedPolicy')
    .flatMap(({ properties }) => (properties.PolicyDocument as { Statement: unknown[] }).Statement);
  const policies = new Map([
    [
      CALLER.accessKeyId as string,
      { secret: CALLER.secretAccessKey as string, policies: new RolePolicies(statements) },
    ],
    [STRANGER.accessKeyId, { secret: STRANGER.secretAccessKey, policies: new RolePolicies([]) }],
  ]);
  return (accessKeyId: string) => {
    const found = policies.get(accessKeyId);
    return found && { ...found, userArn: arn('iam', `user/${accessKeyId}`, '') };
  };
}
