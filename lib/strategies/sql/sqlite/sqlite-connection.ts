import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { makePrivateFile } from '../../../objects/file-owner.ts';
import type { NamedRow, Row, RowsStatement, SqlParameter } from '../sql-session.ts';

/** How many prepared statements are kept: callers may combine filters in ever new ways. */
const MAX_STATEMENTS = 300;

/** One connection to the file: synchronous, statements prepared once. */
export class SqliteConnection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #visits = new Map<string, number>();

  /** @param foreignKeys whether SQLite enforces them */
  constructor(path: string, foreignKeys: boolean) {
    try {
      // SQLite creates files that everyone can read. The files that it creates beside this one get the same mode.
      makePrivateFile(path);
    } catch {
      // SQLite itself reports why the file cannot be opened.
    }
    this.#database = new DatabaseSync(path, { enableForeignKeyConstraints: foreignKeys });
    // For segments of a scan.
    this.#database.function('hash_of', { deterministic: true }, (id) => crc32(String(id)));
    // For `explain`: SQLite itself does not report how many rows a statement has read.
    this.#database.function('visited', (name) => {
      this.#visits.set(String(name), (this.#visits.get(String(name)) ?? 0) + 1);
      return 1;
    });
    this.#database.function('visits', (name) => {
      const visits = this.#visits.get(String(name)) ?? 0;
      this.#visits.delete(String(name));
      return visits;
    });
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  run(text: string, values: readonly SqlParameter[] = []): Row[] {
    return this.#prepared(text).all(...(values as readonly (string | number | null)[])) as unknown as Row[];
  }

  runRows({ forOne }: RowsStatement, rows: readonly Row[]): Row[] {
    const statement = this.#prepared(forOne);
    return rows.flatMap((row) => statement.all(...row) as unknown as Row[]);
  }

  runNamed(text: string, values: readonly SqlParameter[]): NamedRow[] {
    const statement = this.#database.prepare(text);
    return statement.all(...(values as readonly (string | number | null)[])) as NamedRow[];
  }

  /** Runs statements without parameters, such as BEGIN. */
  execute(text: string): void {
    this.#database.exec(text);
  }

  /** Ends the transaction, unless the failed statement has done so itself. */
  rollBack(): void {
    if (this.inTransaction) this.execute('ROLLBACK');
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepared(text: string): StatementSync {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(text);
    statement.setReturnArrays(true);
    if (this.#statements.size >= MAX_STATEMENTS) {
      const [oldest] = this.#statements.keys();
      this.#statements.delete(oldest as string);
    }
    this.#statements.set(text, statement);
    return statement;
  }
}
