/**
 * Runs a function's handler like Lambda's own runtime client: the protocol of the Lambda Runtime API, version 2018-06-01
 * (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). Its settings are in the variables that Lambda
 * sets; the argument describes the simulated network. It is started as a separate process.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { pathToFileURL } from 'node:url';

/** The simulated network of a function. */
export interface Network {
  /** Ports on this machine by `host:port`. */
  readonly hosts?: Readonly<Record<string, number>>;
  /** An additional trusted certificate in PEM. */
  readonly ca?: string;
}

type Handler = (event: unknown, context: object) => unknown;

const { _HANDLER = '', LAMBDA_TASK_ROOT = '', AWS_LAMBDA_RUNTIME_API = '' } = process.env;
// Hidden from the function.
delete process.env.NODE_COMPILE_CACHE;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function call(method: 'GET' | 'POST', path: string, body?: unknown, headers = {}): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const url = `http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/${path}`;
  const outgoing = request(url, { method, agent, headers }, resolve);
  outgoing.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

async function post(path: string, body: unknown, headers?: object): Promise<void> {
  const response = await call('POST', path, body, headers);
  response.resume();
  await new Promise((done) => response.once('end', done));
}

function described(error: unknown): { errorType: string; errorMessage: string; stackTrace: string[] } {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), stackTrace: [] };
  return { errorType: error.name, errorMessage: error.message, stackTrace: (error.stack ?? '').split('\n') };
}

const fail = (path: string, error: unknown): Promise<void> => {
  const body = described(error);
  return post(path, body, { 'Lambda-Runtime-Function-Error-Type': body.errorType });
};

function connectThrough({ hosts = {}, ca }: Network): void {
  if (ca !== undefined) setDefaultCACertificates([...getCACertificates('default'), ca]);
  const connect = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket;
  Socket.prototype.connect = function connectStandIn(this: Socket, ...args: unknown[]) {
    const [port, host] = args;
    const target = typeof host === 'string' ? hosts[`${host}:${String(port)}`] : undefined;
    return target === undefined ? connect.apply(this, args) : connect.call(this, target, '127.0.0.1', ...args.slice(2));
  } as typeof Socket.prototype.connect;
}

async function loadHandler(): Promise<Handler> {
  const [file = '', name = ''] = _HANDLER.split('.');
  const loaded: unknown = await import(pathToFileURL(join(LAMBDA_TASK_ROOT, `${file}.mjs`)).href);
  const handler = (loaded as Record<string, unknown>)[name];
  if (typeof handler !== 'function') throw new TypeError(`${_HANDLER} is undefined or not exported`);
  return handler as Handler;
}

function contextOf(headers: IncomingMessage['headers']): object {
  const env = process.env;
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Number(headers['lambda-runtime-deadline-ms']) - Date.now(),
  };
}

async function serveOne(handler: Handler): Promise<void> {
  const next = await call('GET', 'invocation/next');
  const event: unknown = JSON.parse((await buffer(next)).toString());
  const id = next.headers['lambda-runtime-aws-request-id'] as string;
  process.env._X_AMZN_TRACE_ID = String(next.headers['lambda-runtime-trace-id']);
  try {
    const result = await handler(event, contextOf(next.headers));
    await post(`invocation/${id}/response`, result ?? null);
  } catch (error) {
    await fail(`invocation/${id}/error`, error);
  }
}

try {
  connectThrough(JSON.parse(process.argv[2] ?? '{}') as Network);
  const handler = await loadHandler();
  for (;;) await serveOne(handler);
} catch (error) {
  console.error(error);
  // The error cannot be reported if the Runtime API itself is gone.
  await fail('init/error', error).catch(() => {});
  process.exit(1);
}
