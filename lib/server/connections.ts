import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Time that calls under way have when the server closes: more than any call takes. */
const CLOSE_TIMEOUT_MS = 30_000;

/** The connections of a server, so that closing it waits for calls and not for connections without one. */
export class Connections {
  readonly #server: Server;
  /** Calls under way on each open connection. */
  readonly #calls = new Map<Socket, number>();
  #closed: Promise<void> | undefined;

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#calls.set(socket, 0);
      socket.once('close', () => this.#calls.delete(socket));
    });
  }

  /** Marks a call on a connection as under way until it is disposed of. */
  busy(socket: Socket): Disposable {
    this.#add(socket, 1);
    return { [Symbol.dispose]: () => this.#add(socket, -1) };
  }

  /** Takes no more connections, ends those without a call, and resolves when the others have ended too. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #add(socket: Socket, calls: number): void {
    const before = this.#calls.get(socket);
    if (before !== undefined) this.#calls.set(socket, before + calls);
  }

  async #close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const [socket, calls] of this.#calls) if (calls === 0) socket.destroy();
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_TIMEOUT_MS);
    await promise;
    clearTimeout(timer);
  }
}
