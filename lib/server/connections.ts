import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { logger } from '../lambda/api-log.ts';
import { Connection } from './connection.ts';

/** Time for calls in progress when the server closes: more than any call takes. */
const CLOSE_TIMEOUT_MS = 30_000;

/**
 * Most pipelined calls that may wait on all connections together. Node keeps up to 10 KB for each, and reads as many as
 * 64 KB hold before it can be paused.
 */
const MAX_WAITING = 2_000;

/** The connections of a server: closing it waits for calls, but not for idle connections. */
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

  /** Serves a call when its connection has served those before it. */
  serve(request: IncomingMessage, serve: () => Promise<void>): void {
    const connection = this.#open.get(request.socket);
    connection?.add(request, serve);
    if (connection !== undefined && connection.waiting > 0) this.#limitWaiting();
  }

  /** Refuses a malformed request when its connection has served those before it. */
  breakOff(socket: Duplex, error: NodeJS.ErrnoException, refuse: () => void): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) refuse();
    else connection.breakOff(error, refuse);
  }

  /** Accepts no more connections, ends idle ones, and resolves when the others have ended too. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Drops the connection with the most waiting calls if the total exceeds the limit. */
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
