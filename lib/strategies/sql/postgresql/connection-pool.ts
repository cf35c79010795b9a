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

/** A connection that was idle for longer is asked whether it is still alive: Lambda freezes, and networks forget. */
const TRUSTED_IDLE_MS = 5_000;
/** How long it may take to say so. */
const PING_TIMEOUT_MS = 3_000;
/** How long connections beyond `pool_size` stay idle. */
const OVERFLOW_IDLE_MS = 10_000;
/** By how much this side waits longer than the server for a statement to end. */
const GRACE_MS = 5_000;
/** How often it is looked whether an answer is overdue. A timer for each statement would cost more than it is worth. */
const WATCH_MS = 1_000;

/** Connections to one server: `pool_size` are kept, `max_overflow` more are closed when idle. */
export class ConnectionPool {
  /** Such as `db.example.com:5432`. */
  readonly server: string;
  readonly #config: SqlStrategyConfig;
  readonly #settings: ConnectionSettings;
  readonly #pool: Pool;
  readonly #lastUsed = new WeakMap<PoolClient, number>();
  /** What the server said when it ended a connection that had asked nothing: pg itself only tells that it has ended. */
  readonly #farewells = new WeakMap<PoolClient, Error>();
  readonly #sockets = new WeakMap<Client | PoolClient, Socket>();
  /** Connections that wait for an answer, and since when. */
  readonly #asked = new Map<PoolClient, number>();
  readonly #watch: NodeJS.Timeout;
  /** Whether a connection was ever opened. */
  #served = false;
  /** Calls that have a connection or wait for one. */
  #users = 0;
  readonly #leaving: (() => void)[] = [];
  /** When a connection was found dead: what was idle then is not trusted any more. */
  #lostAt = Number.NEGATIVE_INFINITY;

  constructor(config: SqlStrategyConfig, settings: ConnectionSettings) {
    const { pool_size, max_overflow, pool_timeout, pool_recycle } = config;
    this.#config = config;
    this.#settings = settings;
    this.server = `${settings.client.host}:${settings.client.port}`;
    const clientConfig = (): ClientConfig => ({ ...settings.client, ...sessionSettings(config) });
    const sockets = this.#sockets;
    this.#pool = new Pool({
      // The user and the password may change while the pool lives: they are read anew for each connection.
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
    // A connection that dies while nobody uses it is taken out of the pool; there is nobody to tell.
    this.#pool.on('error', () => {});
    this.#pool.on('connect', (client) => {
      this.#served = true;
      client.on('error', (error) => {
        if (!this.#farewells.has(client)) this.#farewells.set(client, error);
      });
    });
  }

  /** Connections in use, idle and waited for. */
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
        if (used > this.#lostAt && (performance.now() - used < TRUSTED_IDLE_MS || (await answers(client)))) {
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

  /** Runs a statement on a connection; the connection is closed where no answer comes, and the statement fails. */
  ask<R extends QueryResult | QueryArrayResult>(
    client: PoolClient,
    config: QueryConfig | QueryArrayConfig,
  ): Promise<R> {
    this.#asked.set(client, performance.now());
    // By callback: pg's promises cost more than all the rest of a call here.
    return new Promise((resolve, reject) => {
      client.query(config as QueryConfig, (error, result) => {
        this.#asked.delete(client);
        // pg gives undefined, though its types say that an error is always there.
        if ((error as Error | undefined | null) == null) return resolve(result as unknown as R);
        const farewell = this.#farewells.get(client);
        reject(isIdleTransaction(farewell) ? farewell : error);
      });
    });
  }

  release(client: PoolClient): void {
    this.#lastUsed.set(client, performance.now());
    client.release();
    this.#userLeft();
  }

  /** Closes a connection that is broken, or whose state nobody knows. */
  discard(client: PoolClient): void {
    this.#lostAt = performance.now();
    client.release(true);
    this.#userLeft();
  }

  /** Waits for the calls that are under way. */
  async close(): Promise<void> {
    // The pool itself would forget those that wait for a connection.
    while (this.#users > 0) await new Promise<void>((resolve) => this.#leaving.push(resolve));
    await this.#pool.end();
    clearInterval(this.#watch);
  }

  #userLeft(): void {
    this.#users--;
    if (this.#users === 0) for (const resolve of this.#leaving.splice(0)) resolve();
  }

  #endOverdue(longest: number): void {
    const since = performance.now() - longest;
    for (const [client, asked] of this.#asked) if (asked < since) this.#breakOff(client);
  }

  /** Ends a connection so that nothing goes through any more that the network has held back: it would be done late. */
  #breakOff(client: PoolClient): void {
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
    const most = pool_size + max_overflow;
    if (error instanceof Error && error.message.includes('timeout') && this.#pool.totalCount >= most) {
      return new StorageUnavailableError(
        `All ${most} connections of this process to ${this.server} were in use for ${pool_timeout} s (pool_timeout). Try ` +
          'again; if this happens often, raise pool_size or max_overflow.',
        { cause: error },
      );
    }
    return asConnectError(error, this.server, name, this.#served);
  }
}

/** What a session is told when it begins. A proxy that shares sessions would refuse that, or keep them for us alone. */
function sessionSettings({ timeout, connection_proxy }: SqlStrategyConfig): ClientConfig {
  const ms = Math.ceil(timeout * 1000);
  const own: ClientConfig = { application_name: 'hfstorage', keepAlive: true };
  return connection_proxy ? own : { ...own, statement_timeout: ms, idle_in_transaction_session_timeout: ms };
}

async function answers(client: PoolClient): Promise<boolean> {
  try {
    await client.query({ text: 'SELECT 1', query_timeout: PING_TIMEOUT_MS } as { text: string });
    return true;
  } catch {
    return false;
  }
}
