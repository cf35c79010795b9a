/** Start-up time of the API's functions, compared with functions that only import the same AWS clients. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiSources } from '../lib/cdk/api/api-functions.ts';
import { readEnvironment } from '../lib/cdk/environment/environment-file.ts';
import { CONFIG_FILE, deployedConfig } from '../lib/cdk/environment/placeholders.ts';
import { addFiles, bundle, type FunctionSource, unusedModules } from '../lib/cdk/functions/bundle.ts';
import { openRepository } from '../lib/strategies/open-repository.ts';
import { startDynamodb } from '../test/backends/dynamodb.ts';
import { ExecutionEnvironment } from '../test/e2e/deployed/execution-environment.ts';
import type { Result } from './measure.ts';

const ROOT = join(import.meta.dirname, '..');
const ROUNDS = 7;
const TARGET = 1.25;
/** The bare function checks nothing, logs nothing, counts nothing and reads no configuration. */
const FIRST_ANSWER_TARGET = 1.5;
const TABLE_PREFIX = 'hostfactory';

const bare = ['nothing', 'dynamodb', 's3', 'postgresql', 'step-functions'].map((name) => ({
  name: `bare-${name}`,
  entry: `bench/bare-handlers/${name}.ts`,
}));

/** The bare function with the same clients as a bundle. */
function bareFor(code: string, strategy: string): string {
  if (/"SFN"/.test(code)) return 'bare-step-functions';
  if (/"DynamoDB"/.test(code)) return 'bare-dynamodb';
  if (/"S3"/.test(code)) return 'bare-s3';
  return strategy === 'sql' && code.includes('X-Amz-Expires') ? 'bare-postgresql' : 'bare-nothing';
}

/**
 * AWS's own runtime client, built once into node_modules/.cache: it has a part in C++, so it is not a dependency of this package.
 * @returns Node's arguments that run it; undefined if it cannot be built here
 */
function awsRuntimeClient(): string[] | undefined {
  const folder = join(ROOT, 'node_modules/.cache/hfstorage-bench');
  const program = join(folder, 'node_modules/aws-lambda-ric/index.mjs');
  try {
    if (!existsSync(program)) {
      console.log('Making aws-lambda-ric, once, into node_modules/.cache: about a minute …');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'package.json'), '{"private":true}');
      const options = { cwd: folder, stdio: 'ignore', shell: process.platform === 'win32' } as const;
      execFileSync('npm', ['install', '--no-audit', '--no-fund', 'aws-lambda-ric@4.0.2'], options);
    }
    return [program];
  } catch {
    rmSync(folder, { recursive: true, force: true });
    console.log('aws-lambda-ric cannot be built here: the runtime client of the tests is used instead.');
    return undefined;
  }
}

const microseconds = (): number => performance.now() * 1000;
const median = (times: number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] as number;

interface Started {
  readonly init: number;
  /** Time until the first answer; undefined if there was no event. */
  readonly answered: number | undefined;
}

type Start = (taskRoot: string, event?: object) => Promise<Started>;

function starter(client: string[] | undefined, endpoint: string): Start {
  return async (taskRoot, event) => {
    const begin = microseconds();
    const environment = await ExecutionEnvironment.start({
      functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:bench',
      taskRoot,
      timeoutMs: 30_000,
      network: {},
      ...(client !== undefined && { client }),
      variables: {
        _HANDLER: 'index.handler',
        LAMBDA_TASK_ROOT: taskRoot,
        AWS_LAMBDA_FUNCTION_NAME: 'bench',
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1024',
        AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/bench',
        AWS_LAMBDA_LOG_STREAM_NAME: 'bench',
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'bench',
        AWS_SECRET_ACCESS_KEY: 'bench',
        AWS_ENDPOINT_URL: endpoint,
        HFSTORAGE_CONFIG: CONFIG_FILE,
        PATH: process.env.PATH ?? '',
      },
      log: () => {},
    });
    const init = microseconds() - begin;
    try {
      if (event === undefined) return { init, answered: undefined };
      const outcome = await environment.invoke(JSON.stringify(event));
      if (!('payload' in outcome) || !/"statusCode":404/.test(outcome.payload))
        throw new Error(JSON.stringify(outcome));
      return { init, answered: microseconds() - begin };
    } finally {
      await environment.stop();
    }
  };
}

/** Median times of several folders, started in turn. */
async function inTurns(
  folders: readonly string[],
  start: Start,
  events: Readonly<Record<string, object>> = {},
): Promise<Map<string, Started>> {
  const times = new Map<string, Started[]>(folders.map((folder) => [folder, []]));
  // The first round fills the page cache, and does not count.
  for (let round = -1; round < ROUNDS; round++) {
    for (const folder of round % 2 === 0 ? folders : folders.toReversed()) {
      const started = await start(folder, events[folder]);
      if (round >= 0) times.get(folder)?.push(started);
    }
  }
  return new Map(
    [...times].map(([folder, list]) => {
      const answered = list.flatMap((each) => each.answered ?? []);
      return [
        folder,
        { init: median(list.map(({ init }) => init)), answered: answered.length === 0 ? undefined : median(answered) },
      ];
    }),
  );
}

const kilobytes = (file: string): string => `${Math.round(statSync(file).size / 1000)} KB`;

/** Init of one environment's API bundles, each compared with its bare function: for each of those, the largest ratio. */
async function benchEnvironment(environment: string, outdir: string, start: Start): Promise<Result[]> {
  const config = readEnvironment(join(ROOT, 'config'), environment);
  const functions: FunctionSource[] = [...apiSources, ...bare];
  const request = { functions, external: unusedModules(config), outdir };
  bundle({ ...request, functions: apiSources });
  // Modules that the environment excludes from its bundles are available to a bare function.
  bundle({ functions: bare, external: ['pg-native'], outdir });
  addFiles(request, { [CONFIG_FILE]: deployedConfig(config) });
  const folders = new Map(functions.map(({ name }) => [name, join(outdir, name)]));
  const codeOf = (name: string) => join(outdir, name, 'index.mjs');
  const baselines = new Map(
    apiSources.map(({ name }) => [name, bareFor(readFileSync(codeOf(name), 'utf8'), config.storage.strategy)]),
  );
  const used = [...new Set(baselines.values())];
  const times = await inTurns(
    [...apiSources.map(({ name }) => name), ...used].map((name) => folders.get(name) as string),
    start,
  );
  const initOf = (name: string): number => times.get(folders.get(name) as string)?.init as number;
  console.table(
    [...baselines].map(([name, baseline]) => ({
      environment,
      function: name,
      size: kilobytes(codeOf(name)),
      init: `${(initOf(name) / 1000).toFixed(0)} ms`,
      'bare function': `${baseline}, ${kilobytes(codeOf(baseline))}`,
      'its init': `${(initOf(baseline) / 1000).toFixed(0)} ms`,
      ratio: (initOf(name) / initOf(baseline)).toFixed(2),
    })),
  );
  // A bundle without a client has no counterpart: its time is in the table.
  return used.flatMap((baseline) => {
    if (baseline === 'bare-nothing') return [];
    const [slowest = ''] = [...baselines]
      .filter(([, each]) => each === baseline)
      .map(([name]) => name)
      .toSorted((a, b) => initOf(b) - initOf(a));
    return {
      what: `${environment}: init of ${slowest}, the slowest of its kind`,
      ours: initOf(slowest),
      baseline: initOf(baseline),
      baselineName: baseline,
      target: TARGET,
    };
  });
}

/** Time until the first answer of a function that was not running, as a caller experiences it. */
async function benchFirstAnswer(outdir: string, start: Start): Promise<Result> {
  const [ours, baseline] = [join(outdir, 'get-entity'), join(outdir, 'bare-dynamodb')];
  const times = await inTurns([ours, baseline], start, {
    [ours]: {
      httpMethod: 'GET',
      pathParameters: { collection: 'templates', id: 'none' },
      headers: {},
      requestContext: { requestId: 'bench' },
    },
    [baseline]: { TableName: `${TABLE_PREFIX}_templates`, Key: { template_id: 'none' }, ConsistentRead: true },
  });
  return {
    what: 'dev: first answer of get-entity, its init included',
    ours: times.get(ours)?.answered as number,
    baseline: times.get(baseline)?.answered as number,
    baselineName: 'bare-dynamodb, GetItem',
    target: FIRST_ANSWER_TARGET,
  };
}

/** Starts functions with AWS's runtime client, as Lambda does, if it can be built; also reports the sizes of the bundles. */
export async function benchColdStart(): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'hfstorage-bench-cold-start-'));
  const service = await startDynamodb();
  const endpoint = service.environment.HFSTORAGE_TEST_DYNAMODB_ENDPOINT as string;
  try {
    const login = { AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench' };
    Object.assign(process.env, login);
    const settings = { endpoint, region: 'us-east-1', table_prefix: TABLE_PREFIX };
    await (await openRepository({ storage: { strategy: 'dynamodb', dynamodb_strategy: settings } })).close();
    const start = starter(awsRuntimeClient(), endpoint);
    const results: Result[] = [];
    for (const environment of ['dev', 'sql', 'json']) {
      results.push(...(await benchEnvironment(environment, join(folder, environment), start)));
    }
    return [...results, await benchFirstAnswer(join(folder, 'dev'), start)];
  } finally {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
