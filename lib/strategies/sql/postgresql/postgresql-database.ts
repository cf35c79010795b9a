import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient, QueryArrayConfig } from 'pg';
import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { backOff } from '../../../repository/backoff.ts';
import { type StorageError, StorageUnavailableError } from '../../../repository/errors.ts';
import { type Isolation, LostRace, type SnapshotSession, type SqlDatabase } from '../database.ts';
import {
  MAX_ROWS,
  type NamedRow,
  type Row,
  type RowsStatement,
  type SqlParameter,
  type SqlSession,
} from '../sql-session.ts';
import { checkEveryTable } from '../statements.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { asErrorOfForeignStatement, asStorageError, breaksUnknownRule, ConnectionLost, refusedRow } from './faults.ts';
import { postgresqlDialect } from './postgresql-dialect.ts';
import { postgresqlSchema } from './postgresql-schema.ts';
import { lastMigrationOf, serverState } from './prepare-server.ts';
import { valueTypes } from './value-types.ts';

/** How many statements are prepared by name, per connection; rarer ones are parsed each time. */
const MAX_NAMED_STATEMENTS = 400;
/** How many connections are tried for one call. */
const MAX_CONNECTIONS_TRIED = 3;
/** How often a transaction is attempted that breaks a constraint: others may have changed what it relied on. */
const MAX_CONSTRAINT_ATTEMPTS = 3;
const BACKOFF = { baseMs: 2, longestMs: 100 };
/** Interval for asking about the outcome of a commit whose answer was lost. */
const OUTCOME_POLL_MS = 200;
/**
 * Text that changes when the server crashes or is replaced. After a crash, the ids of transactions that left no trace are
 * reused: the status of such an id may then belong to another transaction.
 */
const SERVER_LIFE = "concat(pg_postmaster_start_time(), ' ', pg_stat_get_bgwriter_stat_reset_time())";

const begin: Readonly<Record<Isolation, string>> = {
  serializable: 'BEGIN ISOLATION LEVEL SERIALIZABLE',
  locks: 'BEGIN ISOLATION LEVEL READ COMMITTED',
};

/** Identifies a transaction, to determine later whether it committed. */
interface Begun {
  readonly id: string;
  readonly serverLife: string;
}

/** A database of a PostgreSQL server. */
export class PostgresqlDatabase implements SqlDatabase {
  readonly dialect = postgresqlDialect;
  readonly schema = postgresqlSchema;
  readonly reading: SqlSession;
  readonly writing: SqlSession;
  readonly pool: ConnectionPool;
  readonly #timeoutMs: number;
  readonly #named: boolean;
  readonly #names = new Map<string, string>();

  constructor(config: SqlStrategyConfig, pool: ConnectionPool) {
    this.pool = pool;
    this.#timeoutMs = config.timeout * 1000;
    this.#named = !config.connection_proxy;
    this.reading = this.#sessionBy((task) => this.#retried(task, true));
    this.writing = this.#sessionBy((task) => this.#retried(task, false));
  }

  async transaction<T>(isolation: Isolation, work: (session: SqlSession) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#timeoutMs;
    let lost = 0;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(isolation, work);
      } catch (error) {
        if (error instanceof ConnectionLost) {
          lost++;
          if (error.mayHaveRun || lost === MAX_CONNECTIONS_TRIED) throw error;
        } else if (!(error instanceof LostRace)) {
          throw error;
        } else if (error.kind === 'constraint' ? attempt >= MAX_CONSTRAINT_ATTEMPTS : performance.now() > deadline) {
          throw gaveUp(error, attempt, this.pool.server);
        }
        // The first retry is immediate, since the winner is done. Later ones back off with jitter.
        if (attempt > 1) await backOff(attempt, BACKOFF);
      }
    }
  }

  async snapshot(): Promise<SnapshotSession> {
    const client = await this.pool.acquire();
    const session = this.#sessionBy((task) => task(client));
    const release = async (): Promise<void> => {
      // The state of the connection does not matter: nothing was written on it.
      await this.pool.ask(client, { text: 'ROLLBACK' }).then(
        () => this.pool.release(client),
        () => this.pool.discard(client),
      );
    };
    try {
      // Its reader may pause between two pages for longer than the idle timeout of transactions.
      await this.pool.ask(client, {
        text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0',
      });
      await session.run('SELECT 1');
      return { session, release };
    } catch (error) {
      await release();
      throw asStorageError(error, this.pool.server);
    }
  }

  async ping(): Promise<void> {
    await this.reading.run(checkEveryTable);
  }

  async lastMigration(): Promise<number> {
    return lastMigrationOf(this.reading, await serverState(this.reading));
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  /** Runs `work` once in a transaction of its own. */
  async #attempt<T>(isolation: Isolation, work: (session: SqlSession) => Promise<T>): Promise<T> {
    const client = await this.pool.acquire();
    let begun: Begun;
    let result: T;
    try {
      begun = await this.#begin(client, isolation);
      result = await work(this.#sessionBy((task) => task(client)));
    } catch (error) {
      await this.#rollBack(client, error);
      // Nothing is committed before COMMIT.
      const unsure = error instanceof ConnectionLost && error.mayHaveRun;
      throw unsure ? new ConnectionLost(this.pool.server, error.cause, false) : error;
    }
    await this.#commit(client, begun);
    return result;
  }

  async #commit(client: PoolClient, begun: Begun): Promise<void> {
    let command: string;
    try {
      ({ command } = await this.pool.ask(client, { text: 'COMMIT' }));
    } catch (error) {
      const failure = asStorageError(error, this.pool.server);
      if (failure instanceof ConnectionLost) {
        this.pool.discard(client);
        return this.#requireCommitted(begun, failure);
      }
      this.pool.release(client);
      throw failure;
    }
    this.pool.release(client);
    // If an earlier failure went unnoticed, PostgreSQL answers COMMIT with a rollback.
    if (command === 'ROLLBACK') throw new LostRace('serialization', undefined);
  }

  async #begin(client: PoolClient, isolation: Isolation): Promise<Begun> {
    try {
      // One message, one round trip.
      const results = (await this.pool.ask(client, {
        text: `${begin[isolation]}; SELECT pg_current_xact_id()::text, ${SERVER_LIFE}`,
        rowMode: 'array',
      })) as unknown as { rows: string[][] }[];
      const [[id, serverLife] = []] = results.at(-1)?.rows ?? [];
      return { id: String(id), serverLife: String(serverLife) };
    } catch (error) {
      throw asStorageError(error, this.pool.server);
    }
  }

  async #rollBack(client: PoolClient, error: unknown): Promise<void> {
    if (error instanceof ConnectionLost) return this.pool.discard(client);
    try {
      await this.pool.ask(client, { text: 'ROLLBACK' });
      this.pool.release(client);
    } catch {
      this.pool.discard(client);
    }
  }

  /**
   * Determines whether a transaction committed whose COMMIT was not answered.
   * @throws ConnectionLost if it did not, so that it may be retried, or if it is unknown
   */
  async #requireCommitted({ id, serverLife }: Begun, failure: ConnectionLost): Promise<void> {
    const deadline = performance.now() + this.#timeoutMs;
    for (;;) {
      const [[status] = []] = await this.reading
        .run(`SELECT CASE WHEN ${SERVER_LIFE} = $2 THEN pg_xact_status($1::xid8) ELSE 'unknown' END`, [id, serverLife])
        .catch((): Row[] => []);
      if (status === 'committed') return;
      if (status === 'aborted') throw new ConnectionLost(this.pool.server, failure.cause, false);
      if (status === 'unknown' || performance.now() > deadline) throw failure;
      await sleep(OUTCOME_POLL_MS);
    }
  }

  #sessionBy(use: <T>(task: (client: PoolClient) => Promise<T>) => Promise<T>): SqlSession {
    return {
      run: (text, values = []) => use((client) => this.#query(client, text, values)),
      runRows: async (statement, rows) => {
        const written: Row[] = [];
        for (let start = 0; start < rows.length; start += MAX_ROWS) {
          const part = rows.slice(start, start + MAX_ROWS);
          written.push(...(await use((client) => this.#queryRows(client, statement, part))));
        }
        return written;
      },
      runNamed: (text, values) => use((client) => this.#queryForeign(client, text, values)),
    };
  }

  #queryRows(client: PoolClient, { forOne, forMany, columns }: RowsStatement, rows: readonly Row[]): Promise<Row[]> {
    const [first] = rows;
    if (first !== undefined && rows.length === 1) return this.#query(client, forOne, first);
    const lists = columns.map((_, i) => rows.map((row) => row[i]));
    return this.#query(client, forMany, lists as unknown as SqlParameter[]);
  }

  async #query(client: PoolClient, text: string, values: readonly SqlParameter[]): Promise<Row[]> {
    const name = this.#nameOf(text);
    const config: QueryArrayConfig = { text, values: values as unknown[], rowMode: 'array', types: valueTypes };
    try {
      return (await this.pool.ask(client, name === undefined ? config : { ...config, name })).rows as Row[];
    } catch (error) {
      throw asStorageError(error, this.pool.server);
    }
  }

  async #queryForeign(client: PoolClient, text: string, values: readonly SqlParameter[]): Promise<NamedRow[]> {
    try {
      return (await this.pool.ask(client, { text, values: values as unknown[], types: valueTypes })).rows as NamedRow[];
    } catch (error) {
      throw asErrorOfForeignStatement(error, this.pool.server);
    }
  }

  #nameOf(text: string): string | undefined {
    if (!this.#named) return undefined;
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= MAX_NAMED_STATEMENTS) return known;
    const name = `hfstorage_${this.#names.size + 1}`;
    this.#names.set(text, name);
    return name;
  }

  /** Runs a task on one connection. */
  async #withClient<T>(task: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.acquire();
    try {
      const result = await task(client);
      this.pool.release(client);
      return result;
    } catch (error) {
      if (error instanceof ConnectionLost) this.pool.discard(client);
      else this.pool.release(client);
      throw error;
    }
  }

  /** Retries a task on another connection if one was lost, unless it might then be done twice. */
  async #retried<T>(task: (client: PoolClient) => Promise<T>, repeatable: boolean): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await this.#withClient(task);
      } catch (error) {
        if (!(error instanceof ConnectionLost) || tried === MAX_CONNECTIONS_TRIED) throw error;
        if (error.mayHaveRun && !repeatable) throw error;
      }
    }
  }
}

function gaveUp(error: LostRace, attempts: number, server: string): StorageError {
  if (error.kind === 'constraint' && breaksUnknownRule(error.cause)) return refusedRow(server, error.cause, error);
  return new StorageUnavailableError(
    `Other transactions kept changing the same entities, ${attempts} times in a row. Nothing was stored; try again.`,
    { cause: error },
  );
}
