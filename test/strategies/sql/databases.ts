/** Databases of these tests: an unused SQLite file or PostgreSQL database, with direct access beside the store. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import type { ConfigInput } from '../../../lib/config/configuration.ts';
import { type SqlStrategyConfig, sqlStrategy } from '../../../lib/config/sql-strategy.ts';
import type { Dialect } from '../../../lib/strategies/sql/dialect.ts';
import { postgresqlDialect } from '../../../lib/strategies/sql/postgresql/postgresql-dialect.ts';
import { sqliteDialect } from '../../../lib/strategies/sql/sqlite/sqlite-dialect.ts';

export type SqlSettings = NonNullable<NonNullable<ConfigInput['storage']>['sql_strategy']>;

/** A row in the form of the database; PostgreSQL's values are all text. */
export type RawRow = Record<string, string | number | null>;

export interface TestDatabase extends AsyncDisposable {
  readonly settings: SqlSettings;
  readonly config: SqlStrategyConfig;
  /** The configuration of a repository on it. */
  storage(options?: { enforceReferences?: boolean; settings?: Partial<SqlSettings> }): ConfigInput;
  /** Runs one statement like another program, bypassing the store. Each `?` is a parameter. */
  run(text: string, values?: readonly (string | number | null)[]): Promise<RawRow[]>;
  /** Runs several statements. */
  script(text: string): Promise<void>;
}

export interface DatabaseKind {
  readonly name: Dialect['name'];
  readonly dialect: Dialect;
  create(): Promise<TestDatabase>;
}

const storageOf =
  (settings: SqlSettings): TestDatabase['storage'] =>
  ({ enforceReferences = true, settings: changed } = {}) => ({
    storage: { strategy: 'sql', sql_strategy: { ...settings, ...changed }, enforce_references: enforceReferences },
  });

export const sqlite: DatabaseKind = {
  name: 'sqlite',
  dialect: sqliteDialect,
  async create() {
    const folder = await mkdtemp(join(tmpdir(), 'hfstorage-sql-'));
    return sqliteFile(join(folder, 'store.db'), () => rm(folder, { recursive: true, force: true }));
  },
};

/** A SQLite file, which may not exist yet. */
export function sqliteFile(name: string, remove: () => Promise<void>): TestDatabase {
  const settings: SqlSettings = { name };
  const using = <T>(work: (database: DatabaseSync) => T): T => {
    const database = new DatabaseSync(name, { timeout: 60_000, enableForeignKeyConstraints: false });
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  return {
    settings,
    config: sqlStrategy.parse(settings),
    storage: storageOf(settings),
    run: async (text, values = []) => using((database) => database.prepare(text).all(...values) as RawRow[]),
    script: async (text) => using((database) => database.exec(text)),
    [Symbol.asyncDispose]: remove,
  };
}

export const postgresql: DatabaseKind = {
  name: 'postgresql',
  dialect: postgresqlDialect,
  async create() {
    // Imported late, since the import waits for a server, which tests of SQLite alone do not need.
    const { createDatabase, dropDatabase } = await import('../../backends/test-database.ts');
    const name = `hfstorage-sql-${randomUUID()}`;
    const connectionString = await createDatabase(name);
    const { hostname, port, username, password } = new URL(connectionString);
    const settings: SqlSettings = {
      type: 'postgresql',
      name,
      host: hostname,
      port: Number(port),
      username,
      password: decodeURIComponent(password),
    };
    const client = new pg.Client({ connectionString });
    await client.connect();
    const types = { getTypeParser: () => (text: string) => text };
    return {
      settings,
      config: sqlStrategy.parse(settings),
      storage: storageOf(settings),
      async run(text, values = []) {
        let n = 0;
        const numbered = text.replace(/\?/g, () => `$${++n}`);
        return (await client.query({ text: numbered, values: [...values], types })).rows;
      },
      script: async (text) => {
        await client.query(text);
      },
      async [Symbol.asyncDispose]() {
        await client.end();
        await dropDatabase(name);
      },
    };
  },
};

export const databaseKinds: readonly DatabaseKind[] = [sqlite, postgresql];
