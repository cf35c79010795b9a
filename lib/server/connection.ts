import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

interface Call {
  readonly request: IncomingMessage;
  readonly serve: () => Promise<void>;
}

/**
 * The calls of one connection. Node hands over all requests that a caller sends without waiting for answers; here each is
 * served when the answer before it has been taken, and no more of them are read meanwhile.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #waiting: Call[] = [];
  #current: Call | undefined;
  #refuse: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    // Node resumes the socket whenever it has parsed a request to its end.
    socket.on('resume', () => this.#holdBack());
  }

  /** Calls behind the one that is being served. */
  get waiting(): number {
    return this.#waiting.length;
  }

  get isIdle(): boolean {
    return this.#current === undefined;
  }

  /** @param serve resolves once the answer has been taken; never rejects */
  add(request: IncomingMessage, serve: () => Promise<void>): void {
    // Node parses what it has read to its end, even when the connection is dropped meanwhile.
    if (this.#socket.destroyed) return;
    this.#waiting.push({ request, serve });
    if (this.#current === undefined) void this.#serveAll();
    else this.#holdBack();
  }

  /**
   * Refuses what cannot be read, after the answers to what was sent before it.
   * @param refuse answers and ends the connection
   */
  breakOff({ code }: NodeJS.ErrnoException, refuse: () => void): void {
    if (this.#current === undefined || !this.#current.request.complete) refuse();
    // It is late because nothing is read while calls wait.
    else if (code !== 'ERR_HTTP_REQUEST_TIMEOUT') {
      this.#refuse ??= refuse;
      this.#holdBack();
    }
  }

  /** Ends the connection; the calls that wait are not carried out. */
  drop(): void {
    this.#waiting.length = 0;
    this.#socket.destroy();
  }

  #holdBack(): void {
    if (this.#waiting.length > 0 || this.#refuse !== undefined) this.#socket.pause();
  }

  async #serveAll(): Promise<void> {
    // An answer may have been the last one of its connection: then the calls behind it are not carried out.
    for (let call = this.#waiting.shift(); call !== undefined && this.#socket.writable; call = this.#waiting.shift()) {
      if (this.#refuse !== undefined && !call.request.complete) break;
      this.#current = call;
      if (this.#waiting.length === 0 && this.#socket.isPaused()) this.#socket.resume();
      await call.serve();
    }
    this.#current = undefined;
    this.#refuse?.();
  }
}
