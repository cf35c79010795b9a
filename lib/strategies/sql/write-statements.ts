/** The statements that write rows of one table. Each returns id, version and created_at of every row it wrote. */
import type { LoadOver } from '../../repository/guarded-write.ts';
import type { Dialect } from './dialect.ts';
import { type Column, quoted, type Table } from './schema.ts';
import type { RowsColumn, RowsStatement } from './sql-session.ts';

/** An additional column of the input: the version that the row must have. */
const EXPECTED = 'expected_version';

/** A column that only a creation writes. */
const CREATED_AT = 'created_at';

const eachColumn = (columns: readonly { name: string }[], text: (name: string) => string): string =>
  columns.map(({ name }) => text(quoted(name))).join(', ');

export class WriteStatements {
  /**
   * Creates the row, or replaces it with the next version. Writes nothing if a parent is missing and `withParents` is set.
   * The values are those of `encodeRow`, with version 1.
   */
  readonly save: (withParents: boolean) => RowsStatement;
  /** Creates the row. Writes nothing if it exists already, or if a parent is missing and `withParents` is set. */
  readonly create: (withParents: boolean) => RowsStatement;
  /**
   * Replaces the row, except for its `created_at`, if it has the version that comes last in the values. Parents as for
   * `save`.
   */
  readonly replace: (withParents: boolean) => RowsStatement;
  /** Replaces the whole row, or all but its references, if it has the version that comes last in the values. */
  readonly overwrite: (withReferences: boolean) => RowsStatement;
  /** Deletes the row with an id and a version. */
  readonly remove: RowsStatement;
  /** Stores the row unchanged, including its version; the key says which existing versions it may replace. */
  readonly load: Readonly<Record<LoadOver, RowsStatement>>;
  readonly #dialect: Dialect;
  readonly #table: Table;
  readonly #texts = new Map<string, string>();

  constructor(dialect: Dialect, table: Table) {
    this.#dialect = dialect;
    this.#table = table;
    const insert = (withParents: boolean, onConflict: string) => (input: string) =>
      `INSERT INTO ${quoted(table.name)} (${eachColumn(table.columns, (name) => name)}) ` +
      `SELECT ${eachColumn(table.columns, (name) => `input.${name}`)} FROM ${input} ` +
      `WHERE ${this.#parentsExist(withParents)} ON CONFLICT (${quoted(table.id)}) ${onConflict}${this.#returning}`;
    const update = (kept: readonly string[], withParents: boolean) => (input: string) =>
      `UPDATE ${quoted(table.name)} SET ${this.#assignments('input', kept)} FROM ${input} ` +
      `WHERE ${this.#own(table.id)} = input.${quoted(table.id)} AND ${this.#own('version')} = input.${EXPECTED} ` +
      `AND ${this.#parentsExist(withParents)}${this.#returning}`;
    const versioned: RowsColumn[] = [...table.columns, { name: EXPECTED, kind: 'integer' }];
    const oneUp = `"version" = ${this.#own('version')} + 1`;
    const saving = `DO UPDATE SET ${this.#assignments('excluded', [CREATED_AT, 'version'])}, ${oneUp}`;
    this.save = withAndWithout((withParents) => this.#statement(table.columns, insert(withParents, saving)));
    this.create = withAndWithout((withParents) => this.#statement(table.columns, insert(withParents, 'DO NOTHING')));
    this.replace = withAndWithout((withParents) => this.#statement(versioned, update([CREATED_AT], withParents)));
    const references = table.foreignKeys.map(({ column }) => column);
    // SQLite checks every reference that a statement sets, even to the same value: an orphan could not be changed.
    this.overwrite = withAndWithout((withReferences) =>
      this.#statement(versioned, update(withReferences ? [] : references, false)),
    );
    this.remove = this.#statement(
      [
        { name: table.id, kind: 'text' },
        { name: EXPECTED, kind: 'integer' },
      ],
      (input) =>
        `DELETE FROM ${quoted(table.name)} WHERE (${quoted(table.id)}, "version") IN ` +
        `(SELECT input.${quoted(table.id)}, input.${EXPECTED} FROM ${input})${this.#returning}`,
    );
    const loading = (condition: string) =>
      this.#statement(table.columns, insert(false, `DO UPDATE SET ${this.#assignments('excluded', [])}${condition}`));
    const versionIs = (comparison: string) => ` WHERE ${this.#own('version')} ${comparison} excluded."version"`;
    this.load = { older: loading(versionIs('<')), same: loading(versionIs('<=')), any: loading('') };
  }

  /**
   * Changes some columns of one row, increments its version and returns the whole row. The parameters are the values of
   * `columns`, the time of the write, the id, the maximum total bytes of the JSON columns before the change (a larger row is
   * not changed), and the expected version if `versioned` is set.
   */
  patch(columns: readonly Column[], versioned: boolean): string {
    return this.#cached(`patch ${versioned} ${columns.map(({ name }) => name).join()}`, () => {
      const { name, id } = this.#table;
      const parameter = (n: number) => this.#dialect.parameter(n);
      const next = columns.length + 1;
      const json = this.#table.columns.filter(({ kind }) => kind === 'json');
      const jsonBytes = json.map((column) => `coalesce(octet_length(${quoted(column.name)}), 0)`).join(' + ');
      const conditions = [
        `${quoted(id)} = ${parameter(next + 1)}`,
        `${jsonBytes} <= ${parameter(next + 2)}`,
        ...(versioned ? [`"version" = ${parameter(next + 3)}`] : []),
        ...this.#table.foreignKeys.flatMap(({ column, parent, parentColumn }) => {
          const position = columns.findIndex((candidate) => candidate.name === column);
          return position < 0 ? [] : [exists(parent, parentColumn, parameter(position + 1))];
        }),
      ];
      const assignments = columns.map((column, i) => `${quoted(column.name)} = ${parameter(i + 1)}, `).join('');
      return (
        `UPDATE ${quoted(name)} SET ${assignments}"updated_at" = ${parameter(next)}, "version" = "version" + 1 ` +
        `WHERE ${conditions.join(' AND ')} RETURNING ${eachColumn(this.#table.columns, (column) => column)}`
      );
    });
  }

  /**
   * Deletes one row to which no row of `children` refers. The parameters are the id, and the expected version if
   * `versioned` is set.
   */
  delete(versioned: boolean, children: readonly { readonly collection: string; readonly field: string }[]): string {
    return this.#cached(`delete ${versioned} ${children.map(({ collection }) => collection).join()}`, () => {
      const { name, id } = this.#table;
      const [target, version] = [this.#dialect.parameter(1), this.#dialect.parameter(2)];
      const conditions = [
        `${quoted(id)} = ${target}`,
        ...(versioned ? [`"version" = ${version}`] : []),
        ...children.map(({ collection, field }) => `NOT ${exists(collection, field, target)}`),
      ];
      return `DELETE FROM ${quoted(name)} WHERE ${conditions.join(' AND ')}${this.#returning}`;
    });
  }

  /** A statement's text, made once. The keys are few: they only name columns of the model. */
  #cached(key: string, make: () => string): string {
    const text = this.#texts.get(key) ?? make();
    this.#texts.set(key, text);
    return text;
  }

  get #returning(): string {
    return ` RETURNING ${this.#own(this.#table.id)}, ${this.#own('version')}, ${this.#own(CREATED_AT)}`;
  }

  /** A column of the table's row, as opposed to one of the input. */
  #own(column: string): string {
    return `${quoted(this.#table.name)}.${quoted(column)}`;
  }

  #assignments(source: string, kept: readonly string[]): string {
    const changed = this.#table.columns.filter(({ name }) => name !== this.#table.id && !kept.includes(name));
    return eachColumn(changed, (name) => `${name} = ${source}.${name}`);
  }

  #parentsExist(wanted: boolean): string {
    const { foreignKeys } = this.#table;
    // SQLite needs a WHERE between SELECT and ON CONFLICT.
    if (!wanted || foreignKeys.length === 0) return 'true';
    return foreignKeys
      .map(({ column, parent, parentColumn }) => exists(parent, parentColumn, `input.${quoted(column)}`))
      .join(' AND ');
  }

  #statement(columns: readonly RowsColumn[], text: (input: string) => string): RowsStatement {
    return {
      forOne: text(this.#dialect.inputRow(columns)),
      forMany: text(this.#dialect.inputRows(columns)),
      columns,
    };
  }
}

const exists = (table: string, column: string, value: string): string =>
  `EXISTS (SELECT 1 FROM ${quoted(table)} WHERE ${quoted(table)}.${quoted(column)} = ${value})`;

/** The statement with and without its condition, each made once. */
function withAndWithout(make: (condition: boolean) => RowsStatement): (condition: boolean) => RowsStatement {
  const [without, with_] = [make(false), make(true)];
  return (condition) => (condition ? with_ : without);
}
