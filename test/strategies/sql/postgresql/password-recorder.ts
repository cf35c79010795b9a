/** A server that speaks enough of the PostgreSQL protocol to receive a clear-text password. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { messageSplitter } from '../../../backends/postgresql-messages.ts';
import { LOCALHOST } from './certificates.ts';

export interface PasswordRecorder {
  readonly port: number;
  /** Every login so far. */
  readonly logins: readonly { readonly user: string; readonly password: string }[];
  stop(): Promise<void>;
}

const ASK_FOR_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
const ACCEPTED = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** Starts the server on localhost, with its certificate for that name. */
export async function startPasswordRecorder(): Promise<PasswordRecorder> {
  const [cert, key] = await Promise.all([readFile(LOCALHOST.certFile), readFile(LOCALHOST.keyFile)]);
  const logins: { user: string; password: string }[] = [];
  const sockets = new Set<Socket>();

  function serve(socket: Socket): void {
    const split = messageSplitter('client');
    let user = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const { type, bytes } of split(chunk)) {
        if (type === 'startup') {
          user = /user\0([^\0]*)\0/.exec(bytes.toString())?.[1] ?? '';
          socket.write(ASK_FOR_PASSWORD);
        } else if (type === 'p') {
          logins.push({ user, password: bytes.toString('utf8', 5, bytes.length - 1) });
          socket.write(Buffer.concat([ACCEPTED, READY]));
        }
      }
    });
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('S');
      serve(new TLSSocket(socket, { isServer: true, cert, key }));
    });
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    logins,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
