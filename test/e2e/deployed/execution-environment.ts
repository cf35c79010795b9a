/** One execution environment of a function: a process and its Runtime API. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Network } from './runtime-client.ts';

export interface EnvironmentOptions {
  readonly functionArn: string;
  /** The only variables of the process. */
  readonly variables: Readonly<Record<string, string>>;
  /** Folder of the code. */
  readonly taskRoot: string;
  readonly timeoutMs: number;
  readonly network: Network;
  /** Node's arguments to run a different runtime client. */
  readonly client?: readonly string[];
  /** The log of the function. */
  log(text: string): void;
}

export type Outcome =
  | { readonly payload: string }
  | { readonly functionError: { readonly errorType: string; readonly errorMessage: string } };

interface Invocation {
  readonly id: string;
  readonly event: string;
  readonly deadline: number;
  readonly settle: (outcome: Outcome) => void;
}

/** Lambda: 6 MB for the answer of a synchronous invocation. */
export const MAX_PAYLOAD = 6_291_556;
const CLIENT = join(import.meta.dirname, 'runtime-client.ts');
// Windows has no such signals.
const canFreeze = process.platform !== 'win32';

const { NODE_COMPILE_CACHE } = process.env;
const compileCache = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };

const functionError = (errorType: string, errorMessage: string): Outcome => ({
  functionError: { errorType, errorMessage },
});

/**
 * Between invocations its process is stopped, as Lambda freezes it: timers do not run, and connections may die in the
 * meantime.
 */
export class ExecutionEnvironment {
  readonly #options: EnvironmentOptions;
  readonly #server: Server;
  #child: ChildProcess | undefined;
  /** The process's pending request for work. */
  #waiting: ServerResponse | undefined;
  #current: Invocation | undefined;
  readonly #ready = Promise.withResolvers<void>();
  isDead = false;

  private constructor(options: EnvironmentOptions) {
    this.#options = options;
    this.#server = createServer((incoming, answer) => {
      this.#serve(incoming, answer).catch(() => answer.destroy());
    });
    // A function may be at work, or without a processor, for longer than Node keeps an idle connection: its answer would meet a
    // closed one.
    this.#server.keepAliveTimeout = 0;
  }

  /** Starts the process and waits until its handler is loaded. @throws Error with the function's output if it fails */
  static async start(options: EnvironmentOptions): Promise<ExecutionEnvironment> {
    const environment = new ExecutionEnvironment(options);
    environment.#server.listen(0, '127.0.0.1');
    await once(environment.#server, 'listening');
    environment.#spawn();
    try {
      await environment.#ready.promise;
    } catch (error) {
      await environment.stop();
      throw error;
    }
    return environment;
  }

  /** Passes the event to the process and waits for the outcome. One at a time. */
  async invoke(event: string): Promise<Outcome> {
    if (this.#current !== undefined || this.isDead) throw new Error('An environment serves one invocation at a time.');
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const { timeoutMs } = this.#options;
    this.#current = { id: randomUUID(), event, deadline: Date.now() + timeoutMs, settle: resolve };
    const timer = setTimeout(() => {
      resolve(functionError('Sandbox.Timedout', `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`));
      void this.stop();
    }, timeoutMs);
    this.#handOver();
    return promise.finally(() => clearTimeout(timer));
  }

  async stop(): Promise<void> {
    this.isDead = true;
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #spawn(): void {
    const { variables, taskRoot, network, log, client = [CLIENT, JSON.stringify(network)] } = this.#options;
    const { port } = this.#server.address() as AddressInfo;
    const child = spawn(process.execPath, client, {
      cwd: taskRoot,
      // From the tests, to start faster; the client removes it.
      env: { ...variables, ...compileCache, AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', log);
    child.stderr.setEncoding('utf8').on('data', log);
    child.once('exit', (code, signal) => {
      this.isDead = true;
      const reason = `Runtime exited with ${signal ?? `status ${code}`}`;
      this.#ready.reject(new Error(`${this.#options.functionArn}: ${reason}`));
      this.#settle(functionError('Runtime.ExitError', reason));
    });
  }

  async #serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const [, , , what, id, result] = (incoming.url ?? '').split('/');
    const body = await buffer(incoming);
    if (what === 'invocation' && id === 'next') {
      this.#waiting = answer;
      this.#ready.resolve();
      if (this.#current === undefined) this.#freeze();
      else this.#handOver();
      return;
    }
    answer.writeHead(202).end('{}');
    if (what === 'init') this.#ready.reject(new Error(`${this.#options.functionArn}: ${body.toString()}`));
    if (what !== 'invocation' || id !== this.#current?.id) return;
    if (result === 'error') this.#settle({ functionError: JSON.parse(body.toString()) });
    else if (body.length > MAX_PAYLOAD) {
      this.#settle(
        functionError('Function.ResponseSizeTooLarge', `Response payload size exceeded (${body.length} bytes).`),
      );
    } else this.#settle({ payload: body.toString() });
  }

  #settle(outcome: Outcome): void {
    const invocation = this.#current;
    this.#current = undefined;
    invocation?.settle(outcome);
  }

  #handOver(): void {
    const [answer, invocation] = [this.#waiting, this.#current];
    if (answer === undefined || invocation === undefined) return;
    this.#waiting = undefined;
    if (canFreeze) this.#child?.kill('SIGCONT');
    answer
      .writeHead(200, {
        'Content-Type': 'application/json',
        'Lambda-Runtime-Aws-Request-Id': invocation.id,
        'Lambda-Runtime-Deadline-Ms': `${invocation.deadline}`,
        'Lambda-Runtime-Invoked-Function-Arn': this.#options.functionArn,
        'Lambda-Runtime-Trace-Id': `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${invocation.id.replaceAll('-', '').slice(0, 24)};Sampled=0`,
      })
      .end(invocation.event);
  }

  #freeze(): void {
    if (canFreeze) this.#child?.kill('SIGSTOP');
  }
}
