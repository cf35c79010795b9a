/** A deployed environment with the interface through which the API tests use the local server. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reference } from '../../../lib/cdk/environment/placeholders.ts';
import type { ConfigInput } from '../../../lib/config/configuration.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { signatureOf } from '../../remote/signature-check.ts';
import { type CallOptions, callServer, type Reply, type RunningApi, template } from '../../server/running-api.ts';
import { CALLER, type DeployedApp, deploy } from './deployed-app.ts';
import { REGION } from './physical-ids.ts';

interface Login {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Key of a usage plan, if the API requires one. */
  readonly apiKey?: string | undefined;
}

/** Calls the API with a signature, as API Gateway requires. */
export function callSigned(
  port: number,
  method: string,
  target: string,
  options: CallOptions = {},
  login: Login = CALLER,
): Promise<Reply> {
  const { body, headers } = options;
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const bytes = Buffer.from(body === undefined ? '' : isRaw ? body : JSON.stringify(body));
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const signed = { host: `127.0.0.1:${port}`, 'x-amz-date': time };
  const scope = { date: time.slice(0, 8), region: REGION, service: 'execute-api', signedHeaders: Object.keys(signed) };
  const signature = signatureOf({ method, target, headers: signed, body: bytes }, scope, login.secretAccessKey);
  const credential = `${login.accessKeyId}/${scope.date}/${REGION}/execute-api/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
  return callServer(port, method, target, {
    ...(body !== undefined && { body: isRaw ? body : bytes }),
    headers: {
      'User-Agent': 'tests',
      ...(login.apiKey !== undefined && { 'X-Api-Key': login.apiKey }),
      ...headers,
      'X-Amz-Date': time,
      Authorization: authorization,
    },
  });
}

/** The store behind the functions, opened directly with the configuration in their bundles. */
async function openStore({ functionNamed, stores }: DeployedApp): Promise<Repository> {
  const { taskRoot, variables } = functionNamed('getentity');
  const { storage } = JSON.parse(readFileSync(join(taskRoot, 'config.json'), 'utf8')) as {
    storage: { strategy: string; [section: string]: unknown };
  };
  const section = (name: string) => storage[`${name}_strategy`] as Record<string, unknown>;
  const { database, dynamodb, s3 } = stores;
  const own = {
    dynamodb: () => ({ ...section('dynamodb'), endpoint: dynamodb.endpoint, region: REGION }),
    sql: () => ({ type: 'postgresql', ...connectionOf(database as string) }),
    json: () => {
      const base_path = String(section('json').base_path).replace(
        reference('HFSTORAGE_BUCKET'),
        () => variables.HFSTORAGE_BUCKET ?? '',
      );
      return { ...section('json'), base_path, endpoint: s3.endpoint, region: REGION };
    },
  };
  const strategy = storage.strategy as keyof typeof own;
  // The test's own process, whose environment no other test file shares.
  if (dynamodb.accessKeyId !== undefined && strategy === 'dynamodb')
    process.env.AWS_ACCESS_KEY_ID = dynamodb.accessKeyId;
  return openRepository({
    storage: { ...storage, [`${strategy}_strategy`]: own[strategy]() },
  } as unknown as ConfigInput);
}

function connectionOf(url: string) {
  const { hostname, port, pathname, username, password } = new URL(url);
  return {
    host: hostname,
    port: Number(port),
    name: decodeURIComponent(pathname.slice(1)),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

export interface DeployedApi extends RunningApi {
  readonly app: DeployedApp;
}

/**
 * Deploys an environment and gives it the interface of the local server. Closing it fails if a function made a call that its
 * role does not allow.
 */
export async function startDeployedApi(environment: string): Promise<DeployedApi> {
  const app = await deploy(environment);
  const [apiKey] = app.api.keys.values();
  const login = { ...CALLER, apiKey };
  // The very first call: a function finds an empty store, and creates what it needs.
  const { status, text } = await callSigned(app.port, 'GET', '/v1/health', {}, login);
  if (status !== 200) {
    const problems = app.problems();
    await app.close();
    throw new Error(`What was deployed does not work: ${text}\n${problems.join('\n')}`);
  }
  const repository = await openStore(app);
  return {
    app,
    url: `http://127.0.0.1:${app.port}`,
    port: app.port,
    get folder(): never {
      throw new Error('A deployed API has no folder.');
    },
    repository,
    call: (method, path, options) => callSigned(app.port, method, path, options, login),
    saveTemplate: async (id, fields) => {
      await repository.saveEntity('templates', { ...template(fields), template_id: id } as never);
    },
    close: async () => {
      await repository.close();
      const problems = app.problems();
      await app.close();
      if (problems.length > 0) throw new Error(problems.join('\n'));
    },
  };
}
