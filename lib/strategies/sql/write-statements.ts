/** The statements that write rows of one table. Every one answers id, version and created_at of each row it wrote. */
import type { LoadOver } from '../../repository/guarded-write.ts';
import type { Dialect } from './dialect.ts';
import { type Column, quoted, type Table } from './schema.ts';
import type { RowsColumn, RowsStatement } from './sql-session.ts';

/** A column of the input besides the table's own: the version that the row must have. */
const EXPECTED = 'expected_version';

/** Column that only a creation writes. */
const CREATED_AT = 'created_at';

const eachColumn = (columns: readonly { name: string }[], text: (name: string) => string): string =>
  columns.map(({ name }) => text(quoted(name))).join(', ');

export class WriteStatements {
  /**
   * Creates the row or replaces it, one version up. Writes nothing where a parent is missing and `withParents` is set.
   * The values are those of `encodeRow`, with version 1.
   */
  readonly save: (withParents: boolean) => RowsStatement;
  /** Creates the row. Writes nothing where there is one already, or where a parent is missing and `withParents` is set. */
  readonly create: (withParents: boolean) => RowsStatement;
  /**
   * Replaces the row, all but its `created_at`, where it has the version that comes last in the values. Parents as for
   * `save`.
   */
  readonly replace: (withParents: boolean) => RowsStatement;
  /** Replaces all of the row, or all but its references, where it has the version that comes last in the values. */
  readonly overwrite: (withReferences: boolean) => RowsStatement;
  /** Deletes the row of an id and a version. */
  readonly remove: RowsStatement;
  /** Stores the row as it is, version included, over nothing else than the key says. */
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
    this.save = bothWays((withParents) => this.#statement(table.columns, insert(withParents, saving)));
    this.create = bothWays((withParents) => this.#statement(table.columns, insert(withParents, 'DO NOTHING')));
    this.replace = bothWays((withParents) => this.#statement(versioned, update([CREATED_AT], withParents)));
    const references = table.foreignKeys.map(({ column }) => column);
    // SQLite checks a reference that a statement sets, also where it stays the same: an orphan could not be changed.
    this.overwrite = bothWays((withReferences) =>
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
   * Changes some columns of one row, one version up; answers the whole row. The parameters are the values of `columns`,
   * the time of the write, the id, the largest sum of bytes of the JSON columns before the change (a larger row is left
   * alone), and the expected version where `versioned` is set.
   */
  patch(columns: readonly Column[], versioned: boolean): string {
    return this.#made(`patch ${versioned} ${columns.map(({ name }) => name).join()}`, () => {
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
   * Deletes one row to which no row of `children` refers. The parameters are the id, and the expected version where
   * `versioned` is set.
   */
  delete(versioned: boolean, children: readonly { readonly collection: string; readonly field: string }[]): string {
    return this.#made(`delete ${versioned} ${children.map(({ collection }) => collection).join()}`, () => {
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

  /** A text that is made once. The keys are few: they name columns of the model only. */
  #made(key: string, make: () => string): string {
    const made = this.#texts.get(key) ?? make();
    this.#texts.set(key, made);
    return made;
  }

  get #returning(): string {
    return ` RETURNING ${this.#own(this.#table.id)}, ${this.#own('version')}, ${this.#own(CREATED_AT)}`;
  }

  /** A column of the row that is written, as opposed to one of the input. */
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
function bothWays(make: (condition: boolean) => RowsStatement): (condition: boolean) => RowsStatement {
  const [without, with_] = [make(false), make(true)];
  return (condition) => (condition ? with_ : without);
}
