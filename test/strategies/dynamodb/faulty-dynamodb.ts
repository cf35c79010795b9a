/** The tests' DynamoDB behind a proxy that produces faults which DynamoDB Local cannot. */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { ConfigInput } from '../../../lib/config/configuration.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import type { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { newTestTables } from '../../backends/test-tables.ts';

export interface Answer {
  readonly status: number;
  readonly body: object;
}

/** A call in the form that DynamoDB receives. */
export interface Call {
  /** Such as PutItem. */
  readonly operation: string;
  // biome-ignore lint/suspicious/noExplicitAny: the bodies of all operations.
  readonly input: any;
}

/** What happens to a call. `forward` lets DynamoDB execute it; 'drop' closes the connection, 'hang' leaves it open. */
export type Fault = (call: Call, forward: Forward) => Promise<Answer | 'drop' | 'hang'>;

/** Lets DynamoDB execute the call, or another one of the same operation. */
type Forward = (input?: object) => Promise<Answer>;

interface Rule {
  readonly matches: (call: Call) => boolean;
  readonly fault: Fault;
  times: number;
}

/** An answer that is an error of DynamoDB. */
export const failing = (name: string, status = 400, more: object = {}): Answer => ({
  status,
  body: { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: `${name} of the test`, ...more },
});

export class FaultyDynamodb {
  /** Operations that arrived, in order. */
  readonly calls: string[] = [];
  #rules: Rule[] = [];

  /** Makes the next calls of an operation fail. */
  on(operation: string | ((call: Call) => boolean), fault: Fault, times = Number.POSITIVE_INFINITY): void {
    const matches = typeof operation === 'string' ? (call: Call) => call.operation === operation : operation;
    this.#rules.push({ matches, fault, times });
  }

  /** Lets every call through again. */
  heal(): void {
    this.#rules = [];
    this.calls.length = 0;
  }

  async answer(call: Call, forward: Forward): Promise<Answer | 'drop' | 'hang'> {
    this.calls.push(call.operation);
    const rule = this.#rules.find(({ matches, times }) => times > 0 && matches(call));
    if (rule === undefined) return forward();
    rule.times -= 1;
    return rule.fault(call, forward);
  }
}

async function forwarded(target: URL, { method, url, headers }: IncomingMessage, body: Buffer, agent: Agent) {
  const call = request({
    host: target.hostname,
    port: target.port,
    method,
    path: url,
    headers: { ...headers, 'content-length': body.length },
    agent,
  });
  call.end(body);
  const [result] = (await once(call, 'response')) as [IncomingMessage];
  return { status: result.statusCode as number, body: JSON.parse((await buffer(result)).toString() || '{}') };
}

async function serve(
  faults: FaultyDynamodb,
  target: URL,
  agent: Agent,
  incoming: IncomingMessage,
  out: ServerResponse,
) {
  const body = await buffer(incoming);
  const operation = String(incoming.headers['x-amz-target']).split('.').at(-1) as string;
  const call = { operation, input: JSON.parse(body.toString()) };
  const answer = await faults.answer(call, (input = call.input) =>
    forwarded(target, incoming, Buffer.from(JSON.stringify(input)), agent),
  );
  if (answer === 'hang') return;
  if (answer === 'drop') return void out.destroy();
  out.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': 'test' });
  out.end(JSON.stringify(answer.body));
}

type Settings = NonNullable<NonNullable<ConfigInput['storage']>['dynamodb_strategy']>;

export interface StoreBehindFaults extends AsyncDisposable {
  /** The store through the proxy. */
  readonly store: StorageRepository;
  /** Replaces the store: the SDK remembers how often a client was refused, and waits longer or gives up sooner. */
  renew(): Promise<void>;
  readonly faults: FaultyDynamodb;
  /** The same data without the proxy: what is really stored. */
  readonly direct: Repository;
  /** Settings that open the same data in another process, through the proxy. */
  readonly settings: Settings;
  /** Stops accepting connections. */
  stop(): Promise<void>;
}

/** Opens a store with tables of its own. */
export async function openBehindFaults(
  settings: Settings = {},
  { enforceReferences = false } = {},
): Promise<StoreBehindFaults> {
  await using resources = new AsyncDisposableStack();
  const { endpoint: address, region, table_prefix } = newTestTables();
  const agent = resources.adopt(new Agent({ keepAlive: true }), (used) => used.destroy());
  const faults = new FaultyDynamodb();
  const server = createServer((incoming, out) => {
    serve(faults, new URL(address), agent, incoming, out).catch(() => out.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  resources.defer(stop);
  const { port } = server.address() as { port: number };
  const endpoint = `http://127.0.0.1:${port}`;
  const open = (dynamodb_strategy: Settings): Promise<StorageRepository> =>
    openRepository({
      storage: { strategy: 'dynamodb', enforce_references: enforceReferences, dynamodb_strategy },
    });
  const direct = resources.use(await open({ endpoint: address, region, table_prefix }));
  const through = { endpoint, region, table_prefix, timeout: 2, max_attempts: 3, ...settings };
  let store = await open(through);
  resources.defer(() => store.close());
  const renew = async (): Promise<void> => {
    faults.heal();
    await store.close();
    store = await open(through);
    faults.heal();
  };
  const opened = resources.move();
  return {
    get store() {
      return store;
    },
    renew,
    faults,
    direct,
    settings: through,
    stop,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
