/**
 * A fake RDS Proxy for the functions: TLS and a login with an IAM token, in front of the PostgreSQL server of the tests. It
 * gives each client its own session, whereas RDS Proxy shares them.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import pg from 'pg';
import { messageSplitter } from '../../backends/postgresql-messages.ts';

const fixture = (name: string): string => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
/** The certificate of the database domain, which is its own CA. */
export const DATABASE_CERTIFICATE = fixture('database.pem');

/** The creator of a token. */
export interface Login {
  readonly user: string;
  readonly host: string;
  readonly accessKeyId: string;
}

export interface RdsProxy {
  readonly port: number;
  /** Refused logins, with reasons. */
  readonly refused: readonly string[];
  close(): Promise<void>;
}

export interface RdsProxyOptions {
  /** Address of the database behind it. */
  readonly database: string;
  /** Name of the database that clients request. */
  readonly databaseName: string;
  mayConnect(login: Login): boolean;
}

const message = (type: string, ...parts: (string | Buffer)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)));
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const integer = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const ASK_FOR_PASSWORD = message('R', integer(3));
const ACCEPTED = message('R', integer(0));
const READY = message('Z', Buffer.from('I'));
const refusal = (text: string): Buffer => message('E', Buffer.from(`SFATAL\0VFATAL\0C28P01\0M${text}\0\0`));

function loginOf(user: string, token: string): Login {
  const { hostname, searchParams } = new URL(`https://${token}`);
  const named = searchParams.get('DBUser');
  if (named !== user || searchParams.get('Action') !== 'connect') throw new Error(`The token is for ${named}.`);
  return { user, host: hostname, accessKeyId: searchParams.get('X-Amz-Credential')?.split('/')[0] ?? '' };
}

/** A logged-in session of the database, whose raw socket is passed on. */
async function openSession(connectionString: string): Promise<{ socket: Socket; parameters: Buffer[] }> {
  const client = new pg.Client({ connectionString });
  const { connection } = client as unknown as {
    connection: { stream: Socket; on(event: string, listener: (message: Record<string, string>) => void): void };
  };
  const parameters: Buffer[] = [];
  connection.on('parameterStatus', ({ parameterName = '', parameterValue = '' }) => {
    parameters.push(message('S', parameterName, parameterValue));
  });
  await client.connect();
  const socket = connection.stream;
  socket.removeAllListeners();
  return { socket, parameters };
}

export async function startRdsProxy({ database, databaseName, mayConnect }: RdsProxyOptions): Promise<RdsProxy> {
  const [cert, key] = [DATABASE_CERTIFICATE, fixture('database.key')];
  const sockets = new Set<Socket>();
  const refused: string[] = [];
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };

  async function admit(client: Socket, user: string, asked: string, token: string): Promise<void> {
    const login = loginOf(user, token);
    if (asked !== databaseName) throw new Error(`There is no database ${asked}.`);
    if (!mayConnect(login)) throw new Error(`${login.accessKeyId} may not connect as ${user} to ${login.host}.`);
    const { socket, parameters } = await openSession(database);
    keep(socket);
    client.write(Buffer.concat([ACCEPTED, ...parameters, message('K', integer(1), integer(1)), READY]));
    client.pipe(socket).pipe(client);
    socket.on('close', () => client.destroy());
    client.on('close', () => socket.destroy());
  }

  function serve(client: Socket): void {
    const split = messageSplitter('client');
    let startup = '';
    const listen = (chunk: Buffer): void => {
      for (const { type, bytes } of split(chunk)) {
        if (type === 'startup') {
          startup = bytes.toString();
          client.write(ASK_FOR_PASSWORD);
        } else if (type === 'p') {
          client.off('data', listen).pause();
          const named = (name: string) => new RegExp(`\\0${name}\\0([^\\0]*)\\0`).exec(startup)?.[1] ?? '';
          admit(client, named('user'), named('database'), bytes.toString('utf8', 5, bytes.length - 1)).catch(
            (error: Error) => {
              refused.push(error.message);
              client.end(refusal(error.message));
            },
          );
        }
      }
    };
    client.on('data', listen);
  }

  const server = createServer((socket) => {
    keep(socket);
    socket.once('data', (first) => {
      // RDS Proxy with RequireTLS: clients without TLS are refused.
      if ((first as Buffer).readInt32BE(4) !== 80877103)
        return void socket.end(refusal('This RDS Proxy requires TLS connections'));
      socket.write('S');
      serve(keep(new TLSSocket(socket, { isServer: true, cert, key })));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    refused,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
