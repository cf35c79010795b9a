import { backOff } from '../../../repository/backoff.ts';
import { SerialQueue } from '../../../repository/serial-queue.ts';
import { type Isolation, LostRace, type SnapshotSession, type SqlDatabase } from '../database.ts';
import { lastMigration, MIGRATIONS_TABLE } from '../schema-migrations.ts';
import type { Row, SqlSession } from '../sql-session.ts';
import { checkEveryTable } from '../statements.ts';
import { asStorageError, busy, isBusy, isRefusedRow, refusedRow, runForeign } from './faults.ts';
import type { OpenFiles } from './open-files.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { sqliteSchema } from './sqlite-schema.ts';

/** Longest pause between two attempts to get the lock. */
const BACKOFF = { baseMs: 1, longestMs: 20 };
/** How many single writes that arrive together share one transaction, and so one fsync. */
const MAX_GROUP = 200;
/** How often a transaction is attempted that breaks a constraint. */
const MAX_ATTEMPTS = 3;

/** A write that waits for its turn. */
interface WaitingWrite {
  readonly run: () => Row[];
  readonly resolve: (rows: Row[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One SQLite file in WAL mode, for any number of processes. Reads have a connection of their own, so that they neither
 * wait for a transaction of this process nor see its uncommitted writes.
 *
 * Nothing here waits inside SQLite: its own busy handler would block the whole process, including the transaction of this
 * process that it may be waiting for.
 */
export class SqliteDatabase implements SqlDatabase {
  readonly dialect = sqliteDialect;
  readonly schema = sqliteSchema;
  readonly reading: SqlSession;
  readonly writing: SqlSession;
  readonly path: string;
  readonly #reader: SqliteConnection;
  readonly #writer: SqliteConnection;
  readonly #files: OpenFiles;
  readonly #timeoutMs: number;
  readonly #waiting: WaitingWrite[] = [];
  readonly #writes = new SerialQueue();
  #draining = false;

  /**
   * @param files the files that the connections have open
   * @param timeoutMs how long a write waits for other processes
   */
  constructor(writer: SqliteConnection, reader: SqliteConnection, files: OpenFiles, timeoutMs: number) {
    this.path = files.path;
    this.#writer = writer;
    this.#reader = reader;
    this.#files = files;
    this.#timeoutMs = timeoutMs;
    this.reading = this.#sessionOn(reader, async (task) => {
      files.requireRecentlyInPlace();
      return this.#withRetries(task);
    });
    this.writing = {
      run: (text, values = []) => this.#submit(() => writer.run(text, values)),
      runNamed: (text, values) =>
        this.#exclusively(() => files.whileInPlace(() => this.#withRetries(() => writer.runNamed(text, values)))),
      runRows: (statement, rows) =>
        rows.length === 1
          ? this.#submit(() => writer.runRows(statement, rows))
          : this.#exclusively(() =>
              this.#committed(async () => this.#translated(() => writer.runRows(statement, rows))),
            ),
    };
  }

  async transaction<T>(_: Isolation, work: (session: SqlSession) => Promise<T>): Promise<T> {
    // No other connection writes while it runs, so both kinds of isolation are the same.
    const session = this.#sessionOn(this.#writer, async (task) => this.#translated(task));
    return this.#exclusively(async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#committed(() => work(session));
        } catch (error) {
          if (!(error instanceof LostRace)) throw error;
          // No other connection writes meanwhile, so this is not a race, and further attempts would fail as well.
          if (attempt === MAX_ATTEMPTS) throw refusedRow(this.path, error.cause, error);
        }
      }
    });
  }

  /** A connection of its own in a read transaction. Until it is released, the WAL grows with every write: it cannot be reset. */
  async snapshot(): Promise<SnapshotSession> {
    // It is opened by path, which would create a missing file again.
    this.#files.requireInPlace();
    const connection = await this.#withRetries(() => new SqliteConnection(this.path, false));
    const release = async (): Promise<void> => connection.close();
    try {
      const session = this.#sessionOn(connection, (task) => this.#withRetries(task));
      connection.execute('BEGIN');
      // The snapshot begins with the first read.
      await session.run(checkEveryTable);
      this.#files.requireInPlace();
      return { session, release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  async ping(): Promise<void> {
    await this.#files.requireUsable();
    await this.reading.run(checkEveryTable);
  }

  async lastMigration(): Promise<number> {
    const [found] = await this.reading.run("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1", [
      MIGRATIONS_TABLE,
    ]);
    if (found === undefined) return 0;
    const [[last] = [0]] = await this.reading.run(lastMigration);
    return Number(last);
  }

  async close(): Promise<void> {
    await this.#exclusively(async () => {
      this.#reader.close();
      this.#writer.close();
    });
  }

  #sessionOn(connection: SqliteConnection, run: <T>(task: () => T) => Promise<T>): SqlSession {
    return {
      run: (text, values) => run(() => connection.run(text, values)),
      runRows: (statement, rows) => run(() => connection.runRows(statement, rows)),
      runNamed: (text, values) => run(() => runForeign(() => connection.runNamed(text, values))),
    };
  }

  /** Single writes that are submitted before the lock is free share a transaction. */
  #submit(run: () => Row[]): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ run, resolve, reject });
      if (this.#draining) return;
      this.#draining = true;
      this.#exclusively(() => this.#drain());
    });
  }

  async #drain(): Promise<void> {
    this.#draining = false;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MAX_GROUP);
      const [only] = group as [WaitingWrite];
      try {
        if (group.length === 1) only.resolve(await this.#files.whileInPlace(() => this.#withRetries(only.run)));
        else
          for (const answer of await this.#committed(async () => group.map((write) => this.#attempt(write)))) answer();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
  }

  /** Runs one write of a group, which may fail on its own, and returns the callback that answers it after the commit. */
  #attempt({ run, resolve, reject }: WaitingWrite): () => void {
    try {
      const rows = this.#translated(run);
      return () => resolve(rows);
    } catch (error) {
      // A broken constraint undoes only its statement; any other error may have undone the whole transaction.
      if (!(isRefusedRow((error as Error).cause) && this.#writer.inTransaction)) throw error;
      return () => reject(error);
    }
  }

  /** Runs `work` in a transaction on the writing connection. Call it within `#exclusively`. */
  #committed<T>(work: () => Promise<T>): Promise<T> {
    return this.#files.whileInPlace(async () => {
      await this.#withRetries(() => this.#writer.execute('BEGIN IMMEDIATE'));
      try {
        const result = await work();
        this.#translated(() => this.#writer.execute('COMMIT'));
        return result;
      } catch (error) {
        this.#writer.rollBack();
        throw error;
      }
    });
  }

  /** Runs tasks of the writing connection one after another. */
  #exclusively<T>(task: () => Promise<T>): Promise<T> {
    return this.#writes.run(task);
  }

  /** Retries a task while another process holds the lock that it needs, for as long as the timeout allows. */
  async #withRetries<T>(task: () => T): Promise<T> {
    for (let deadline = 0, attempt = 1; ; attempt++) {
      try {
        return task();
      } catch (error) {
        if (!isBusy(error)) throw asStorageError(error, this.path);
        const now = performance.now();
        deadline ||= now + this.#timeoutMs;
        if (now > deadline) throw busy(this.path, this.#timeoutMs, error);
        await backOff(attempt, BACKOFF);
      }
    }
  }

  #translated<T>(task: () => T): T {
    try {
      return task();
    } catch (error) {
      throw asStorageError(error, this.path);
    }
  }
}
