import { Socket } from 'node:net';
import {
  Client,
  type ClientConfig,
  Pool,
  type PoolClient,
  type QueryArrayConfig,
  type QueryArrayResult,
  type QueryConfig,
  type QueryResult,
} from 'pg';
import { isSocketFolder } from '../../../config/postgresql-access.ts';
import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { StorageUnavailableError } from '../../../repository/errors.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { asConnectError, isIdleTransaction, isRefusedLogin } from './faults.ts';

/** A connection that was idle for longer is pinged before use: Lambda freezes, and networks drop idle connections. */
const TRUSTED_IDLE_MS = 5_000;
/** How long it may take to answer. */
const PING_TIMEOUT_MS = 3_000;
/** How long connections beyond `pool_size` stay idle. */
const OVERFLOW_IDLE_MS = 10_000;
/** How much longer than the server this side waits for a statement to end. */
const GRACE_MS = 5_000;
/** How often overdue answers are looked for. A timer for each statement would cost more than it is worth. */
const WATCH_MS = 1_000;

/** Connections to one server: `pool_size` are kept, `max_overflow` more are closed when idle. */
export class ConnectionPool {
  /** Such as `db.example.com:5432`. */
  readonly server: string;
  readonly #config: SqlStrategyConfig;
  readonly #settings: ConnectionSettings;
  readonly #pool: Pool;
  readonly #lastUsed = new WeakMap<PoolClient, number>();
  /** The error with which the server ended an idle connection: pg itself only reports that it has ended. */
  readonly #endErrors = new WeakMap<PoolClient, Error>();
  readonly #sockets = new WeakMap<Client | PoolClient, Socket>();
  /** Connections that wait for an answer, with the time of their request. */
  readonly #asked = new Map<PoolClient, number>();
  readonly #watch: NodeJS.Timeout;
  /** Whether a connection was ever opened. */
  #served = false;
  /** Calls that have a connection or wait for one. */
  #users = 0;
  /** Callbacks of `close`, which waits for the last user. */
  readonly #closing: (() => void)[] = [];
  /** When a connection was last found dead: connections that were idle then are not trusted any more. */
  #lostAt = Number.NEGATIVE_INFINITY;

  constructor(config: SqlStrategyConfig, settings: ConnectionSettings) {
    const { pool_size, max_overflow, pool_timeout, pool_recycle } = config;
    this.#config = config;
    this.#settings = settings;
    this.server = `${settings.client.host}:${settings.client.port}`;
    const clientConfig = (): ClientConfig => ({ ...settings.client, ...sessionSettings(config) });
    const sockets = this.#sockets;
    this.#pool = new Pool({
      // The user and the password may change during the life of the pool: they are read again for each connection.
      Client: class extends Client {
        constructor() {
          const socket = new Socket();
          super({ ...clientConfig(), stream: () => socket });
          sockets.set(this, socket);
        }
      },
      min: pool_size,
      max: pool_size + max_overflow,
      idleTimeoutMillis: OVERFLOW_IDLE_MS,
      connectionTimeoutMillis: pool_timeout * 1000,
      maxLifetimeSeconds: pool_recycle < 0 ? 0 : pool_recycle,
    });
    const longest = config.timeout * 1000 + GRACE_MS;
    this.#watch = setInterval(() => this.#endOverdue(longest), WATCH_MS).unref();
    // pg removes an idle connection that dies from the pool; there is no caller to report to.
    this.#pool.on('error', () => {});
    this.#pool.on('connect', (client) => {
      this.#served = true;
      client.on('error', (error) => {
        if (!this.#endErrors.has(client)) this.#endErrors.set(client, error);
      });
    });
  }

  /** The number of open and idle connections, and of calls that wait for one. */
  get use(): { readonly open: number; readonly idle: number; readonly waiting: number } {
    return { open: this.#pool.totalCount, idle: this.#pool.idleCount, waiting: this.#pool.waitingCount };
  }

  /**
   * A connection that was alive a moment ago.
   * @throws StorageUnavailableError, ConfigurationError
   */
  async acquire(): Promise<PoolClient> {
    this.#users++;
    try {
      for (;;) {
        const client = await this.#connect();
        const used = this.#lastUsed.get(client) ?? Number.POSITIVE_INFINITY;
        if (used > this.#lostAt && (performance.now() - used < TRUSTED_IDLE_MS || (await isAlive(client)))) {
          return client;
        }
        if (used > this.#lostAt) this.#lostAt = performance.now();
        client.release(true);
      }
    } catch (error) {
      this.#userLeft();
      throw error;
    }
  }

  /** Runs a statement on a connection; if no answer arrives in time, the connection is closed and the statement fails. */
  ask<R extends QueryResult | QueryArrayResult>(
    client: PoolClient,
    config: QueryConfig | QueryArrayConfig,
  ): Promise<R> {
    this.#asked.set(client, performance.now());
    // With a callback: pg's promises cost more than the rest of a call.
    return new Promise((resolve, reject) => {
      client.query(config as QueryConfig, (error, result) => {
        this.#asked.delete(client);
        // pg passes undefined, though its types say that the error is always present.
        if ((error as Error | undefined | null) == null) return resolve(result as unknown as R);
        const endError = this.#endErrors.get(client);
        reject(isIdleTransaction(endError) ? endError : error);
      });
    });
  }

  release(client: PoolClient): void {
    this.#lastUsed.set(client, performance.now());
    client.release();
    this.#userLeft();
  }

  /** Closes a connection that is broken or in an unknown state. */
  discard(client: PoolClient): void {
    this.#lostAt = performance.now();
    client.release(true);
    this.#userLeft();
  }

  /** Waits for running calls, and closes all connections. */
  async close(): Promise<void> {
    // The pool itself would drop calls that wait for a connection.
    while (this.#users > 0) await new Promise<void>((resolve) => this.#closing.push(resolve));
    await this.#pool.end();
    clearInterval(this.#watch);
  }

  #userLeft(): void {
    this.#users--;
    if (this.#users === 0) for (const resolve of this.#closing.splice(0)) resolve();
  }

  #endOverdue(longest: number): void {
    const since = performance.now() - longest;
    for (const [client, asked] of this.#asked) if (asked < since) this.#abort(client);
  }

  /** Ends a connection so that data delayed in the network is never delivered: it would be executed late. */
  #abort(client: PoolClient): void {
    const socket = this.#sockets.get(client);
    if (isSocketFolder(this.#settings.client.host)) socket?.destroy();
    else socket?.resetAndDestroy();
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pooled();
    } catch (error) {
      if (!isRefusedLogin(error) || !this.#settings.passwordMayChange) throw this.#connectError(error);
    }
    this.#settings.forgetPassword();
    try {
      return await this.#pooled();
    } catch (error) {
      throw this.#connectError(error);
    }
  }

  #pooled(): Promise<PoolClient> {
    return new Promise((resolve, reject) => {
      this.#pool.connect((error, client) => (client === undefined ? reject(error) : resolve(client)));
    });
  }

  #connectError(error: unknown): Error {
    const { pool_size, max_overflow, pool_timeout, name } = this.#config;
    const limit = pool_size + max_overflow;
    if (error instanceof Error && error.message.includes('timeout') && this.#pool.totalCount >= limit) {
      return new StorageUnavailableError(
        `All ${limit} connections of this process to ${this.server} were in use for ${pool_timeout} s (pool_timeout). Try ` +
          'again; if this happens often, raise pool_size or max_overflow.',
        { cause: error },
      );
    }
    return asConnectError(error, this.server, name, this.#served);
  }
}

/** The settings of a new session. A proxy that shares sessions would refuse them, or pin the session to this client. */
function sessionSettings({ timeout, connection_proxy }: SqlStrategyConfig): ClientConfig {
  const ms = Math.ceil(timeout * 1000);
  const own: ClientConfig = { application_name: 'hfstorage', keepAlive: true };
  return connection_proxy ? own : { ...own, statement_timeout: ms, idle_in_transaction_session_timeout: ms };
}

async function isAlive(client: PoolClient): Promise<boolean> {
  try {
    await client.query({ text: 'SELECT 1', query_timeout: PING_TIMEOUT_MS } as { text: string });
    return true;
  } catch {
    return false;
  }
}
