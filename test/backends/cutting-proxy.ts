/** A TCP proxy in front of a PostgreSQL server on 127.0.0.1 that breaks connections as a test requests. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageSplitter, type WireMessage } from './postgresql-messages.ts';

/** Which message breaks the connection, and how. */
export interface CutRule {
  /** The sender; default: the client. */
  readonly from?: 'client' | 'server';
  /** Its type, such as Q for Query, P for Parse, S for Sync, C for the server's CommandComplete; default: any. */
  readonly type?: string;
  /** What the statement of a Query or Parse message must match; default: any message. */
  readonly text?: RegExp;
  /** Which of those, counted from now over all connections; default: the first. */
  readonly nth?: number;
  /**
   * - `before`: both sockets close, and the message is lost. The default.
   * - `after`: its receiver gets it. For a client's message, the server does all the work and its answer is lost.
   * - `hang`: nothing goes through on any connection from this message on, as by `hang()`.
   */
  readonly how?: 'before' | 'after' | 'hang';
}

/** A client's message, without its values. */
export interface SeenMessage {
  /** 1 for the proxy's first connection, and so on. */
  readonly connection: number;
  readonly type: string;
  readonly text?: string;
}

export interface Traffic {
  bytes: number;
  chunks: number;
  messages: number;
}

export interface CuttingProxy {
  readonly port: number;
  /** The clients' messages so far, in order. */
  readonly messages: readonly SeenMessage[];
  /** The messages from either side so far. */
  readonly traffic: { readonly client: Readonly<Traffic>; readonly server: Readonly<Traffic> };
  /** Connections that are open now. */
  readonly connections: number;
  /** Breaks a connection once, at the message that the rule describes; resolves when that has happened. */
  cutAt(rule: CutRule): Promise<void>;
  /** Breaks all connections now. */
  cut(): void;
  /** Silently stops forwarding, also on new connections: a network that hangs. */
  hang(): void;
  /** Resumes forwarding, beginning with the data that was held back. */
  resume(): void;
  /** Whether new connections are refused; existing ones stay. */
  refuse(on: boolean): Promise<void>;
  /** From now on delays every chunk by this many milliseconds; 0 ends it. */
  delay(milliseconds: number): void;
  stop(): Promise<void>;
}

type Side = 'client' | 'server';

interface PendingCut {
  readonly rule: CutRule;
  readonly happened: () => void;
  left: number;
}

interface Connection {
  readonly number: number;
  readonly client: Socket;
  readonly server: Socket;
  /** Set while the server processes a message whose answer will be lost. */
  losing?: () => void;
}

const matches = ({ from = 'client', type, text }: CutRule, side: Side, message: WireMessage): boolean =>
  from === side &&
  (type === undefined || type === message.type) &&
  (text === undefined || (message.text !== undefined && text.test(message.text)));

function close({ client, server, losing }: Connection): void {
  client.destroy();
  server.destroy();
  losing?.();
}

/**
 * Starts the proxy. It does not support TLS: a client that requests it is refused.
 * @param target the port of the server on 127.0.0.1
 */
export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  const open = new Set<Connection>();
  const messages: SeenMessage[] = [];
  const traffic = {
    client: { bytes: 0, chunks: 0, messages: 0 },
    server: { bytes: 0, chunks: 0, messages: 0 },
  };
  const cuts = new Set<PendingCut>();
  let accepted = 0;
  let delayed = 0;
  let held: PromiseWithResolvers<void> | undefined;

  const hang = (): void => {
    held ??= Promise.withResolvers();
  };
  const resume = (): void => {
    held?.resolve();
    held = undefined;
  };

  /** Waits while the network hangs. The end of a connection does not get through either. */
  const flowing = async (): Promise<void> => {
    while (held !== undefined) await held.promise;
  };

  const cutFor = (side: Side, message: WireMessage): PendingCut | undefined => {
    for (const cut of cuts) {
      if (!matches(cut.rule, side, message)) continue;
      cut.left -= 1;
      if (cut.left > 0) continue;
      cuts.delete(cut);
      return cut;
    }
    return undefined;
  };

  /** Forwards one message, or applies a rule. */
  const pass = async (connection: Connection, side: Side, message: WireMessage): Promise<void> => {
    const { client, server } = connection;
    const to = side === 'client' ? server : client;
    traffic[side].messages += 1;
    const { bytes, ...seen } = message;
    if (side === 'client') messages.push({ connection: connection.number, ...seen });
    if (message.type === 'ssl') return void client.write('N');
    const cut = cutFor(side, message);
    if (cut?.rule.how === 'hang') {
      hang();
      cut.happened();
    }
    await flowing();
    // A client that resets its connection discards the data that the network has not delivered.
    if (client.errored !== null) return close(connection);
    if (side === 'server' && connection.losing !== undefined) {
      // ReadyForQuery: the work is done, whatever messages it took.
      if (message.type === 'Z') close(connection);
      return;
    }
    if (cut === undefined || cut.rule.how === 'hang') return void to.write(bytes);
    if (cut.rule.how === 'after') {
      to.write(bytes);
      if (side === 'client') {
        connection.losing = cut.happened;
        return;
      }
      client.destroySoon();
      if (!client.closed) await once(client, 'close');
    }
    close(connection);
    cut.happened();
  };

  const pump = async (connection: Connection, side: Side): Promise<void> => {
    const from = connection[side];
    const split = messageSplitter(side);
    for await (const chunk of from as AsyncIterable<Buffer>) {
      traffic[side].bytes += chunk.length;
      traffic[side].chunks += 1;
      if (delayed > 0) await sleep(delayed);
      for (const message of split(chunk)) {
        await pass(connection, side, message);
      }
    }
    await flowing();
    connection[side === 'client' ? 'server' : 'client'].end();
  };

  const listener = createServer((client) => {
    accepted += 1;
    const connection: Connection = { number: accepted, client, server: connect(target, '127.0.0.1') };
    open.add(connection);
    const pumps = (['client', 'server'] as const).map((side) => {
      // The loop of the pump handles errors; this is for errors after its end.
      connection[side].on('error', () => {}).setNoDelay(true);
      return pump(connection, side).catch(async () => {
        await flowing();
        close(connection);
      });
    });
    void Promise.all(pumps).then(() => {
      close(connection);
      open.delete(connection);
    });
  });
  const listen = async (port: number): Promise<void> => {
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
  };
  await listen(0);
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');
  const { port } = address;

  const cut = (): void => {
    for (const connection of open) close(connection);
  };
  return {
    port,
    messages,
    traffic,
    get connections() {
      return open.size;
    },
    cutAt: (rule) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      cuts.add({ rule, left: rule.nth ?? 1, happened: resolve });
      return promise;
    },
    cut,
    hang,
    resume,
    refuse: async (on) => {
      if (on) listener.close();
      else if (!listener.listening) await listen(port);
    },
    delay: (milliseconds) => {
      delayed = milliseconds;
    },
    stop: async () => {
      resume();
      cut();
      if (!listener.listening) return;
      listener.close();
      await once(listener, 'close');
    },
  };
}
