/**
 * The environment `json` or `dev` as it would be deployed, with its state machines: their definitions are run unchanged,
 * functions run from  their assets with the variables of the templates, and each call to AWS is checked against the
 * policies of the role that makes it. The store of `json` is JSON on S3, and the other store of its migrations is DynamoDB, as
 * `dev` describes it.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reference } from '../../../lib/cdk/environment/placeholders.ts';
import type { ConfigInput } from '../../../lib/config/configuration.ts';
import type { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { needBackend } from '../../backends/backend.ts';
import { assemblyOf } from '../deployed/assembly.ts';
import { type AwsEndpoint, type Caller, startAwsEndpoint } from '../deployed/aws-endpoint.ts';
import { createBuckets, createTables, keyOf } from '../deployed/data-stores.ts';
import { type Permission, policiesOf, RolePolicies } from '../deployed/iam-policies.ts';
import { LambdaFunction } from '../deployed/lambda-function.ts';
import { REGION } from '../deployed/physical-ids.ts';
import { type Resource, Stacks } from '../deployed/stacks.ts';
import type { Execution, Json } from './execution.ts';
import { StepFunctions } from './step-functions.ts';
import { startTopic, type Topic } from './topic.ts';

/** A function that replaces or wraps the call of a task. */
export type Disturbance = (state: string, call: () => Promise<Json>) => Promise<Json>;

await Promise.all([needBackend('dynamodb'), needBackend('s3')]);

export interface DeployedJobs extends AsyncDisposable {
  readonly stacks: Stacks;
  readonly stepFunctions: StepFunctions;
  readonly topic: Topic;
  readonly aws: AwsEndpoint;
  readonly functions: readonly LambdaFunction[];
  /** Calls of tasks, by the names of their states. */
  readonly calls: Map<string, number>;
  /** Wraps the calls from state machines to functions; set it to inject faults. */
  disturb: Disturbance;
  /** Opens the deployment's own store, or the other one, bypassing the functions. */
  openOwn(): Promise<StorageRepository>;
  openPeer(): Promise<StorageRepository>;
  /** URL of the bucket of backups. */
  readonly backups: string;
  readonly s3: { readonly endpoint: string; readonly region: string };
  functionNamed(text: string): LambdaFunction;
  /** Calls a function of the API. */
  callApi(operation: string, event?: ApiEvent): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Starts an execution through the API, and waits for its end. */
  migrate(order: object): Promise<Execution>;
  /** Calls that were not allowed, and other hidden problems. */
  problems(): string[];
}

interface ApiEvent {
  readonly body?: object;
  readonly id?: string;
}

/** The section `storage` of a function's configuration, which is the JSON store. */
const ownStorage = ({ taskRoot }: LambdaFunction) =>
  (
    JSON.parse(readFileSync(join(taskRoot, 'config.json'), 'utf8')) as {
      storage: { json_strategy: { base_path: string } };
    }
  ).storage;

/** DeleteObjects is checked per object key, but counts as one permission on the bucket in these tests. */
class DeletingPolicies extends RolePolicies {
  readonly #own: RolePolicies;

  constructor(own: RolePolicies) {
    super([]);
    this.#own = own;
  }

  override allows(permission: Permission): boolean {
    const { action, resource } = permission;
    if (action !== 's3:DeleteObject' || !resource.endsWith('/*')) return this.#own.allows(permission);
    const objects = resource.slice(0, -1);
    return this.#own.grants.some((grant) => grant.action === action && grant.resource.startsWith(objects));
  }

  override get grants() {
    return this.#own.grants;
  }
}

/** The errors of functions as Step Functions sees them. */
function taskError({ errorType, errorMessage }: { errorType: string; errorMessage: string }): Error {
  return Object.assign(new Error(JSON.stringify({ errorType, errorMessage })), { name: errorType });
}

export async function deployJobs(environment: 'dev' | 'json' = 'json'): Promise<DeployedJobs> {
  // A failure half way must leave nothing running: Jest would wait for it forever.
  await using opened = new AsyncDisposableStack();
  const id = randomUUID().replaceAll('-', '');
  const stacks = new Stacks(await assemblyOf(environment), id.slice(0, 8));
  const s3 = { endpoint: process.env.HFSTORAGE_TEST_S3_ENDPOINT as string, region: REGION };
  // DynamoDB Local has separate tables for each access key, so the names are free.
  const accessKeyId = id.slice(0, 20);
  process.env.AWS_ACCESS_KEY_ID = accessKeyId;
  const dynamodb = { endpoint: process.env.HFSTORAGE_TEST_DYNAMODB_ENDPOINT as string, accessKeyId };
  const stepFunctions = new StepFunctions();
  const states = opened.use(await stepFunctions.serve());
  const topic = opened.use(await startTopic());
  const callers = new Map<string, Caller>();
  const aws = await startAwsEndpoint({
    callerOf: (key) => callers.get(key),
    backends: { dynamodb, s3, states, sns: topic },
    keyOf: (resource) => {
      const holder = stacks.ofType('AWS::S3::Bucket').find(({ arn }) => arn === resource);
      return holder && keyOf(holder);
    },
  });
  opened.defer(aws.close);
  await Promise.all([createTables(stacks, dynamodb), createBuckets(stacks, s3)]);

  const functions = stacks.ofType('AWS::Lambda::Function').map((resource) => {
    const made = new LambdaFunction({ stacks, resource, awsEndpoint: aws.url, network: {} });
    callers.set(made.accessKeyId, {
      name: resource.logicalId,
      policies: new DeletingPolicies(policiesOf(stacks, stacks.find(made.role))),
    });
    return made;
  });
  opened.defer(async () => void (await Promise.all(functions.map((each) => each.stop()))));
  opened.defer(() => stepFunctions.stop());
  const only = <T extends { readonly name: string }>(found: readonly T[], text: string): T => {
    if (found.length !== 1) throw new Error(`${found.length} are called like ${text}.`);
    return found[0] as T;
  };
  const functionNamed = (text: string) =>
    only(
      functions.filter(({ name }) => name.includes(text)),
      text,
    );

  const calls = new Map<string, number>();
  const jobs = { disturb: ((_, call) => call()) as Disturbance };
  const invoke = async (called: LambdaFunction, input: Json): Promise<Json> => {
    const outcome = await called.invoke(input);
    if ('functionError' in outcome) throw taskError(outcome.functionError);
    return JSON.parse(outcome.payload) as Json;
  };
  for (const machine of stacks.ofType('AWS::StepFunctions::StateMachine')) {
    stepFunctions.add(machine, (roleArn, machineArn) => {
      const role = stacks.find(roleArn);
      const caller: Caller = { name: role.logicalId, policies: policiesOf(stacks, role) };
      return async ({ state, resource }, input) => {
        calls.set(state, (calls.get(state) ?? 0) + 1);
        const allowed = aws.check(caller, { action: 'lambda:InvokeFunction', resource });
        // Units have their own executions.
        if (state.endsWith('Unit')) aws.check(caller, { action: 'states:StartExecution', resource: machineArn });
        if (!allowed) throw new Error(`${caller.name} may not call ${resource}.`);
        const called = functions.find(({ arn }) => arn === resource);
        if (called === undefined) throw new Error(`The templates have no function ${resource}.`);
        return jobs.disturb(state, () => invoke(called, input));
      };
    });
  }

  const bucketOf = (logicalId: string): Resource =>
    stacks.ofType('AWS::S3::Bucket').find((each) => each.logicalId === logicalId) as Resource;
  const openTables = () =>
    openRepository({
      storage: {
        strategy: 'dynamodb',
        dynamodb_strategy: { table_prefix: 'hostfactory', endpoint: dynamodb.endpoint, region: REGION },
      },
    });
  const openBucket = () => {
    const { json_strategy } = ownStorage(functionNamed('getentity'));
    const base_path = json_strategy.base_path.replace(reference('HFSTORAGE_BUCKET'), () => bucketOf('StoreBucket').ref);
    return openRepository({
      storage: {
        strategy: 'json',
        json_strategy: { ...json_strategy, base_path, endpoint: s3.endpoint, region: REGION },
      },
    } as ConfigInput);
  };
  // The tables of the other deployment exist before a migration to them.
  if (environment === 'json') await (await openTables()).close();

  const callApi: DeployedJobs['callApi'] = async (operation, { body, id: jobId } = {}) => {
    const payload = await invoke(functionNamed(operation.replaceAll('-', '')), {
      httpMethod: body === undefined ? 'GET' : 'POST',
      path: '/v1',
      pathParameters: jobId === undefined ? null : { id: jobId },
      headers: { 'Content-Type': 'application/json' },
      requestContext: { requestId: 'test' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const { statusCode, body: text } = payload as unknown as { statusCode: number; body: string };
    return { status: statusCode, body: JSON.parse(text) as Record<string, unknown> };
  };

  const all = opened.move();
  return Object.assign(jobs, {
    stacks,
    stepFunctions,
    topic,
    aws,
    functions,
    calls,
    openOwn: environment === 'json' ? openBucket : openTables,
    openPeer: openTables,
    backups: `s3://${bucketOf('BackupBucket').ref}`,
    s3,
    functionNamed,
    callApi,
    migrate: async (order: object) => {
      const { status, body } = await callApi('start-migration', {
        body: { source_type: 'json', target_type: 'dynamodb', target_config: 'dev.json', ...order },
      });
      if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
      const execution = stepFunctions.execution('hostfactory-json-migration', String(body.id));
      await execution.ended();
      return execution;
    },
    problems: () => [
      ...aws.used
        .filter(({ allowed }) => !allowed)
        .map(({ caller, action, resource }) => `${caller}: ${action} on ${resource} is not allowed`),
      ...aws.faults,
    ],
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  });
}
