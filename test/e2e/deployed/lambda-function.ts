/** A function of a template, run from its asset by one process per concurrent call. */
import { createHash } from 'node:crypto';
import { type EnvironmentOptions, ExecutionEnvironment, type Outcome } from './execution-environment.ts';
import { REGION } from './physical-ids.ts';
import type { Network } from './runtime-client.ts';
import type { Resource, Stacks } from './stacks.ts';

/** Lambda has thousands; here calls queue for a few, since the machine is small. */
const MAX_ENVIRONMENTS = 4;
/** Generous, since the test machine is busy. */
const SLOWER = 10;
const KEPT_LOG = 200_000;

interface FunctionProperties {
  readonly Handler: string;
  readonly Code: { readonly S3Key: string };
  readonly Environment?: { readonly Variables?: Readonly<Record<string, string>> };
  readonly MemorySize?: number;
  readonly Timeout?: number;
  readonly Role: string;
  readonly LoggingConfig?: { readonly LogGroup?: string };
}

export interface FunctionOptions {
  readonly stacks: Stacks;
  readonly resource: Resource;
  /** Address of all calls to AWS. */
  readonly awsEndpoint: string;
  readonly network: Network;
}

export class LambdaFunction {
  readonly arn: string;
  readonly name: string;
  /** ARN of its role. */
  readonly role: string;
  readonly accessKeyId: string;
  /** Only the variables of the template. */
  readonly variables: Readonly<Record<string, string>>;
  readonly taskRoot: string;
  #log = '';
  readonly #options: EnvironmentOptions;
  readonly #idle: ExecutionEnvironment[] = [];
  readonly #all = new Set<ExecutionEnvironment>();
  #starting = 0;
  readonly #queue: ((environment: ExecutionEnvironment) => void)[] = [];

  constructor({ stacks, resource, awsEndpoint, network }: FunctionOptions) {
    const properties = resource.properties as unknown as FunctionProperties;
    this.arn = resource.arn;
    this.name = resource.ref;
    this.role = properties.Role;
    this.variables = properties.Environment?.Variables ?? {};
    this.taskRoot = stacks.asset(properties.Code.S3Key);
    // Letters and digits, as DynamoDB Local requires; each function has its own key, which identifies its calls.
    this.accessKeyId = `ASIA${createHash('sha256').update(resource.arn).digest('hex').slice(0, 16).toUpperCase()}`;
    this.#options = {
      functionArn: resource.arn,
      taskRoot: this.taskRoot,
      timeoutMs: (properties.Timeout ?? 3) * 1000 * SLOWER,
      network,
      variables: { ...this.variables, ...this.#reserved(properties, awsEndpoint) },
      log: (text) => {
        this.#log = (this.#log + text).slice(-KEPT_LOG);
      },
    };
  }

  /** The end of the function's output. */
  get log(): string {
    return this.#log;
  }

  async invoke(event: unknown): Promise<Outcome> {
    const environment = await this.#take();
    try {
      return await environment.invoke(JSON.stringify(event));
    } finally {
      this.#giveBack(environment);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#all].map((environment) => environment.stop()));
  }

  /** Variables that Lambda sets (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html). */
  #reserved({ Handler, MemorySize = 128, LoggingConfig }: FunctionProperties, awsEndpoint: string) {
    return {
      _HANDLER: Handler,
      AWS_REGION: REGION,
      AWS_DEFAULT_REGION: REGION,
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_FUNCTION_NAME: this.name,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: `${MemorySize}`,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_LAMBDA_LOG_GROUP_NAME: LoggingConfig?.LogGroup ?? `/aws/lambda/${this.name}`,
      AWS_LAMBDA_LOG_STREAM_NAME: '2026/11/22/[$LATEST]0123456789abcdef',
      AWS_ACCESS_KEY_ID: this.accessKeyId,
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_SESSION_TOKEN: 'token',
      LAMBDA_TASK_ROOT: this.taskRoot,
      LANG: 'en_US.UTF-8',
      TZ: ':UTC',
      PATH: '/usr/local/bin:/usr/bin:/bin',
      // Instead of AWS itself.
      AWS_ENDPOINT_URL: awsEndpoint,
    };
  }

  async #take(): Promise<ExecutionEnvironment> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#all.size + this.#starting >= MAX_ENVIRONMENTS) {
      const { promise, resolve } = Promise.withResolvers<ExecutionEnvironment>();
      this.#queue.push(resolve);
      return promise;
    }
    this.#starting++;
    try {
      const started = await ExecutionEnvironment.start(this.#options).catch((error: Error) => {
        throw new Error(`${error.message}\n${this.#log}`);
      });
      this.#all.add(started);
      return started;
    } finally {
      this.#starting--;
    }
  }

  #giveBack(environment: ExecutionEnvironment): void {
    if (environment.isDead) {
      this.#all.delete(environment);
      const next = this.#queue.shift();
      if (next !== undefined) void this.#take().then(next);
      return;
    }
    const next = this.#queue.shift();
    if (next === undefined) this.#idle.push(environment);
    else next(environment);
  }
}
