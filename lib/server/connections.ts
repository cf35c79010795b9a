import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { logger } from '../lambda/api-log.ts';
import { Connection } from './connection.ts';

/** Time that calls under way have when the server closes: more than any call takes. */
const CLOSE_TIMEOUT_MS = 30_000;

/**
 * Calls that may wait on all connections for those before them. Node keeps up to 10 KB for each, and reads as many as come in
 * 64 KB before it can be stopped.
 */
const MAX_WAITING = 2_000;

/** The connections of a server, so that closing it waits for calls and not for connections without one. */
export class Connections {
  readonly #server: Server;
  readonly #open = new Map<Duplex, Connection>();
  #closed: Promise<void> | undefined;

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#open.set(socket, new Connection(socket));
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  /** Serves a call when its turn has come on its connection. */
  serve(request: IncomingMessage, serve: () => Promise<void>): void {
    const connection = this.#open.get(request.socket);
    connection?.add(request, serve);
    if (connection !== undefined && connection.waiting > 0) this.#limitWaiting();
  }

  /** Refuses what cannot be read when its turn has come. */
  breakOff(socket: Duplex, error: NodeJS.ErrnoException, refuse: () => void): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) refuse();
    else connection.breakOff(error, refuse);
  }

  /** Takes no more connections, ends those without a call, and resolves when the others have ended too. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Drops the connection with the most waiting calls where all together are too many. */
  #limitWaiting(): void {
    const connections = [...this.#open.values()];
    if (connections.reduce((sum, { waiting }) => sum + waiting, 0) <= MAX_WAITING) return;
    logger.warn('connection dropped: too many calls wait for others before them');
    connections.reduce((most, each) => (each.waiting > most.waiting ? each : most)).drop();
  }

  async #close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const [socket, connection] of this.#open) if (connection.isIdle) socket.destroy();
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_TIMEOUT_MS);
    await promise;
    clearTimeout(timer);
  }
}
