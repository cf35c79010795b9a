import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

interface Call {
  readonly request: IncomingMessage;
  readonly serve: () => Promise<void>;
}

/**
 * The calls of one connection. Node hands over all pipelined requests at once; here each is served after the previous
 * answer has been received, and no more of them are read in the meantime.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #waiting: Call[] = [];
  #current: Call | undefined;
  #refuse: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    // Node resumes the socket whenever it has parsed a complete request.
    socket.on('resume', () => this.#holdBack());
  }

  /** Number of calls queued behind the one that is being served. */
  get waiting(): number {
    return this.#waiting.length;
  }

  get isIdle(): boolean {
    return this.#current === undefined;
  }

  /** @param serve resolves once the answer has been received; never rejects */
  add(request: IncomingMessage, serve: () => Promise<void>): void {
    // Node parses everything it has read, even when the connection is dropped in the meantime.
    if (this.#socket.destroyed) return;
    this.#waiting.push({ request, serve });
    if (this.#current === undefined) void this.#serveAll();
    else this.#holdBack();
  }

  /**
   * Refuses a malformed request, after the answers to the requests before it.
   * @param refuse answers and ends the connection
   */
  breakOff({ code }: NodeJS.ErrnoException, refuse: () => void): void {
    if (this.#current === undefined || !this.#current.request.complete) refuse();
    // A timeout is expected here, because nothing is read while calls wait.
    else if (code !== 'ERR_HTTP_REQUEST_TIMEOUT') {
      this.#refuse ??= refuse;
      this.#holdBack();
    }
  }

  /** Ends the connection; waiting calls are not executed. */
  drop(): void {
    this.#waiting.length = 0;
    this.#socket.destroy();
  }

  #holdBack(): void {
    if (this.#waiting.length > 0 || this.#refuse !== undefined) this.#socket.pause();
  }

  async #serveAll(): Promise<void> {
    // An answer may close its connection: then the calls behind it are not executed.
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
