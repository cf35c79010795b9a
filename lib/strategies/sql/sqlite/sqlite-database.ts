import { setTimeout as sleep } from 'node:timers/promises';
import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { makeFolderOf } from '../../../objects/file-owner.ts';
import { ConfigurationError, StorageUnavailableError } from '../../../repository/errors.ts';
import { type Isolation, LostRace, type SnapshotSession, type SqlDatabase } from '../database.ts';
import {
  lastMigration,
  MIGRATIONS_TABLE,
  migrateSchema,
  pendingMigrations,
  requireKnown,
} from '../schema-migrations.ts';
import type { Row, SqlSession } from '../sql-session.ts';
import { lookAtEveryTable } from '../statements.ts';
import { asStorageError, busy, isBusy, isRefusedRow, refusedRow, understood } from './faults.ts';
import { OpenFiles } from './open-files.ts';
import { recognizeFile } from './recognize-file.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { sqliteSchema } from './sqlite-schema.ts';

/** Longest pause between two attempts to get the lock. */
const MAX_PAUSE_MS = 20;
/** Single writes that share one transaction, and so one fsync, where they come in together. */
const MAX_GROUP = 200;
/** A transaction that met its own mistake is decided anew this often. */
const MAX_ATTEMPTS = 3;

/** A write that waits for its turn. */
interface WaitingWrite {
  readonly run: () => Row[];
  readonly resolve: (rows: Row[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One SQLite file in WAL mode, for any number of processes. Reads have a connection of their own, so that they neither
 * wait for a transaction of this process nor see into it.
 *
 * Nothing here waits inside SQLite: its own busy handler would stop the whole process, and with it the transaction of this
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
  #tail: Promise<unknown> = Promise.resolve();
  #draining = false;

  /**
   * @param files those that the connections have open
   * @param timeoutMs how long a write waits for other processes
   */
  constructor(writer: SqliteConnection, reader: SqliteConnection, files: OpenFiles, timeoutMs: number) {
    this.path = files.path;
    this.#writer = writer;
    this.#reader = reader;
    this.#files = files;
    this.#timeoutMs = timeoutMs;
    this.reading = this.#sessionOn(reader, async (task) => {
      files.requireSeen();
      return this.#withRetries(task);
    });
    this.writing = {
      run: (text, values = []) => this.#submit(() => writer.run(text, values)),
      runNamed: (text, values) =>
        this.#exclusively(() => files.keep(() => this.#withRetries(() => writer.runNamed(text, values)))),
      runRows: (statement, rows) =>
        rows.length === 1
          ? this.#submit(() => writer.runRows(statement, rows))
          : this.#exclusively(() =>
              this.#committed(async () => this.#translated(() => writer.runRows(statement, rows))),
            ),
    };
  }

  async transaction<T>(_: Isolation, work: (session: SqlSession) => Promise<T>): Promise<T> {
    // Nobody else writes while it runs, so both kinds of isolation are the same.
    const session = this.#sessionOn(this.#writer, async (task) => this.#translated(task));
    return this.#exclusively(async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#committed(() => work(session));
        } catch (error) {
          if (!(error instanceof LostRace)) throw error;
          // Nobody else writes meanwhile: it is no race, and will not pass.
          if (attempt === MAX_ATTEMPTS) throw refusedRow(this.path, error.cause, error);
        }
      }
    });
  }

  /** A connection of its own in a read transaction. Meanwhile the WAL grows by what is written: it cannot be compacted. */
  async snapshot(): Promise<SnapshotSession> {
    // By its path, which would make a file that is gone anew.
    this.#files.requireInPlace();
    const connection = await this.#withRetries(() => new SqliteConnection(this.path, false));
    const release = async (): Promise<void> => connection.close();
    try {
      const session = this.#sessionOn(connection, (task) => this.#withRetries(task));
      connection.execute('BEGIN');
      // The moment is that of the first read.
      await session.run(lookAtEveryTable);
      this.#files.requireInPlace();
      return { session, release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  async ping(): Promise<void> {
    await this.#files.requireUsable();
    await this.reading.run(lookAtEveryTable);
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
      runNamed: (text, values) => run(() => understood(() => connection.runNamed(text, values))),
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
        if (group.length === 1) only.resolve(await this.#files.keep(() => this.#withRetries(only.run)));
        else
          for (const answer of await this.#committed(async () => group.map((write) => this.#attempt(write)))) answer();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
  }

  /** Runs one write of a group, which may fail on its own, and returns what is to be answered after the commit. */
  #attempt({ run, resolve, reject }: WaitingWrite): () => void {
    try {
      const rows = this.#translated(run);
      return () => resolve(rows);
    } catch (error) {
      // A broken constraint undoes its statement only; anything else may have undone the whole transaction.
      if (!(isRefusedRow((error as Error).cause) && this.#writer.inTransaction)) throw error;
      return () => reject(error);
    }
  }

  /** Runs `work` in a transaction on the writing connection. The caller has the turn. */
  #committed<T>(work: () => Promise<T>): Promise<T> {
    return this.#files.keep(async () => {
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
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => {});
    return result;
  }

  /** Runs a task again and again while another process holds the lock it needs, for as long as the timeout allows. */
  async #withRetries<T>(task: () => T): Promise<T> {
    for (let deadline = 0, pause = 1; ; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
      try {
        return task();
      } catch (error) {
        if (!isBusy(error)) throw asStorageError(error, this.path);
        const now = performance.now();
        deadline ||= now + this.#timeoutMs;
        if (now > deadline) throw busy(this.path, this.#timeoutMs, error);
        await sleep(Math.random() * pause);
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

/** Opens the connections in the one mode that this store uses. */
function connect(path: string, foreignKeys: boolean, timeoutMs: number): SqliteDatabase {
  const before = OpenFiles.before(path);
  const writer = new SqliteConnection(path, foreignKeys);
  try {
    const [[encoding] = []] = writer.run('PRAGMA encoding');
    if (encoding !== 'UTF-8') {
      throw new ConfigurationError(
        `${path} holds its text as ${encoding}, which sorts otherwise than UTF-8. Copy it into a new database with encoding UTF-8.`,
      );
    }
    // WAL: readers and a writer do not wait for each other. FULL: a commit is on the disk when it returns.
    const [[mode] = []] = writer.run('PRAGMA journal_mode = WAL');
    if (mode !== 'wal') {
      throw new ConfigurationError(
        `${path} cannot be shared: SQLite's WAL mode does not work there. Use a local disk.`,
      );
    }
    writer.execute('PRAGMA synchronous = FULL');
    const reader = new SqliteConnection(path, foreignKeys);
    // A new database has no log before its first read.
    reader.execute('PRAGMA query_only = 1; SELECT count(*) FROM sqlite_schema');
    return new SqliteDatabase(writer, reader, new OpenFiles(path, before), timeoutMs);
  } catch (error) {
    writer.close();
    throw error;
  }
}

/**
 * Opens the file, making it and its folder where they are missing.
 * @param options.migrate whether to bring the file to the tables of this program
 */
export async function openSqliteDatabase(
  { name: path, timeout }: SqlStrategyConfig,
  options: { readonly foreignKeys: boolean; readonly migrate: boolean },
): Promise<SqliteDatabase> {
  const deadline = performance.now() + timeout * 1000;
  try {
    makeFolderOf(path);
  } catch (cause) {
    throw new StorageUnavailableError(`Cannot make the folder of ${path}: ${(cause as Error).message}`, { cause });
  }
  for (;;) {
    try {
      await recognizeFile(path);
      const database = connect(path, options.foreignKeys, timeout * 1000);
      if (options.migrate) await migrate(database);
      return database;
    } catch (error) {
      // Another process is switching the file to WAL, or closing it as the last one.
      if (!isBusy(error)) throw asStorageError(error, path);
      if (performance.now() > deadline) throw busy(path, timeout * 1000, error);
      await sleep(Math.random() * MAX_PAUSE_MS);
    }
  }
}

async function migrate(database: SqliteDatabase): Promise<void> {
  try {
    const last = await database.lastMigration();
    requireKnown(last);
    if (pendingMigrations(last).length === 0) return;
    await database.transaction('serializable', (session) =>
      migrateSchema({ session, dialect: sqliteDialect, schema: sqliteSchema, foreignKeys: true, place: database.path }),
    );
  } catch (error) {
    await database.close();
    throw error;
  }
}
