/** The statements that read. Callers' values become parameters; names come from the model only. */
import { normalizeTimestamp } from '../../model/timestamps.ts';
import type { Position } from '../../repository/cursor.ts';
import { ValidationError } from '../../repository/errors.ts';
import type { Order, Predicate, Query } from '../../repository/query.ts';
import type { SqlParameter } from './database.ts';
import type { Dialect } from './dialect.ts';
import { type Column, type Index, quoted, type Table } from './schema.ts';

export interface Statement {
  readonly text: string;
  readonly values: readonly SqlParameter[];
}

/** Any-of lists up to this long are read value by value off the index, in the order wanted, instead of being sorted. */
const MAX_BRANCHES = 10;

const operators = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

/** Collects parameters. */
class Parameters {
  readonly values: SqlParameter[] = [];
  readonly #dialect: Dialect;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  add(value: SqlParameter): string {
    this.values.push(value);
    return this.#dialect.parameter(this.values.length);
  }
}

/** The part of a query that one SELECT answers in order. */
interface Branch {
  /** Conditions beyond those of all branches. */
  readonly conditions: readonly string[];
  readonly orderBy: string;
}

export class QueryStatements {
  readonly #dialect: Dialect;
  readonly #table: Table;
  readonly #columns: string;
  readonly #columnsByName: ReadonlyMap<string, Column>;
  /** The row of an id. */
  readonly one: string;
  /** The rows of a list of ids, in no particular order. */
  readonly many: string;

  constructor(dialect: Dialect, table: Table) {
    this.#dialect = dialect;
    this.#table = table;
    this.#columns = table.columns.map(({ name }) => quoted(name)).join(', ');
    this.#columnsByName = new Map(table.columns.map((column) => [column.name, column]));
    const [id, parameter] = [quoted(table.id), dialect.parameter(1)];
    this.one = this.#select([`${id} = ${parameter}`]);
    this.many = this.#select([dialect.anyOf(id, parameter, 'text')]);
  }

  /**
   * A page of a query, and one row more where there is one.
   * @param watch a condition that is to be evaluated first, for every row looked at
   */
  page(query: Query, watch?: (parameter: (value: SqlParameter) => string) => string): Statement {
    const parameters = new Parameters(this.#dialect);
    const fanOut = this.#fanOut(query);
    const shared = query.predicates
      .filter((predicate) => predicate !== fanOut)
      .map((predicate) => this.#condition(parameters, predicate));
    const watched = watch === undefined ? [] : [watch((value) => parameters.add(value))];
    const limit = ` LIMIT ${query.limit + 1}`;
    const selects = this.#branches(parameters, query).flatMap(({ conditions, orderBy }) => {
      const values = fanOut === undefined ? [undefined] : fanOut.values;
      return values.map((value) => {
        const own =
          value === undefined || fanOut === undefined
            ? []
            : [this.#condition(parameters, { field: fanOut.field, operator: 'eq', value })];
        return `${this.#select([...watched, ...own, ...conditions, ...shared])} ORDER BY ${orderBy}${limit}`;
      });
    });
    if (selects.length === 1) return { text: selects[0] as string, values: parameters.values };
    const union = selects.map((text) => `SELECT * FROM (${text}) AS branch`).join(' UNION ALL ');
    const text = `SELECT * FROM (${union}) AS page ORDER BY ${this.#orderBy(query.order, true)}${limit}`;
    return { text, values: parameters.values };
  }

  /** How many rows meet the predicates; with `groupBy`, in groups of a field's value, NULL being one of them. */
  count(predicates: readonly Predicate[], groupBy?: string): Statement {
    const parameters = new Parameters(this.#dialect);
    const conditions = predicates.map((predicate) => this.#condition(parameters, predicate));
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    const from = `FROM ${quoted(this.#table.name)}${where}`;
    const text =
      groupBy === undefined
        ? `SELECT count(*) ${from}`
        : `SELECT count(*), ${quoted(groupBy)} ${from} GROUP BY ${quoted(groupBy)}`;
    return { text, values: parameters.values };
  }

  /** The next rows of a segment, by id. */
  segment(segment: number, segments: number, limit: number, after?: string): Statement {
    const parameters = new Parameters(this.#dialect);
    const id = quoted(this.#table.id);
    const conditions = after === undefined ? [] : [`${id} > ${parameters.add(after)}`];
    if (segments > 1) {
      conditions.push(`${this.#dialect.segment(id, parameters.add(segments))} = ${parameters.add(segment)}`);
    }
    return {
      text: `${this.#select(conditions)} ORDER BY ${id} LIMIT ${limit + 1}`,
      values: parameters.values,
    };
  }

  /** Ids of rows whose `field` has a value, at most `limit`. */
  referring(field: string, value: string, limit: number): Statement {
    const parameters = new Parameters(this.#dialect);
    const text = this.#select([`${quoted(field)} = ${parameters.add(value)}`], quoted(this.#table.id));
    return { text: `${text} LIMIT ${limit}`, values: parameters.values };
  }

  #select(conditions: readonly string[], columns = this.#columns): string {
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    return `SELECT ${columns} FROM ${quoted(this.#table.name)}${where}`;
  }

  #column(name: string): Column {
    const column = this.#columnsByName.get(name);
    if (column === undefined) throw new TypeError(`${this.#table.name} has no column ${name}.`);
    return column;
  }

  #condition(parameters: Parameters, predicate: Predicate): string {
    const { name, kind } = this.#column(predicate.field);
    const column = quoted(name);
    if (predicate.operator === 'in') {
      const list = this.#dialect.list(predicate.values as readonly string[] | readonly number[]);
      return this.#dialect.anyOf(column, parameters.add(list), kind);
    }
    const parameter = parameters.add(predicate.value);
    if (predicate.operator === 'begins_with') return this.#dialect.beginsWith(column, parameter, kind);
    const operand = kind === 'integer' ? this.#dialect.integer(parameter) : parameter;
    if (predicate.operator === 'ne') return this.#dialect.differs(column, operand);
    return `${column} ${operators[predicate.operator]} ${operand}`;
  }

  /** The index whose order a query can be read off, once its partition key is fixed. */
  #indexFor({ order }: Query, partitionKey: string): Index | undefined {
    return this.#table.indexes.find(({ columns: [first, second] }) => first === partitionKey && second === order.field);
  }

  /** The any-of predicate whose values are read one after the other, each off the index. */
  #fanOut(query: Query): Extract<Predicate, { operator: 'in' }> | undefined {
    const { predicates } = query;
    if (predicates.some(({ operator, field }) => operator === 'eq' && this.#indexFor(query, field) !== undefined)) {
      return undefined;
    }
    for (const predicate of predicates) {
      if (predicate.operator !== 'in' || this.#indexFor(query, predicate.field) === undefined) continue;
      if (predicate.values.length > 0 && predicate.values.length <= MAX_BRANCHES) return predicate;
    }
    return undefined;
  }

  /**
   * Absent values come last in every order. Where the index has them first, they are a branch of their own, so that each
   * branch is read off the index and nothing is sorted.
   */
  #branches(parameters: Parameters, { order, after }: Query): Branch[] {
    const { name, required } = this.#column(order.field);
    const field = quoted(name);
    const id = quoted(this.#table.id);
    const direction = order.descending ? ' DESC' : '';
    const beyond = order.descending ? '<' : '>';
    if (name === this.#table.id) {
      const conditions = after === undefined ? [] : [`${id} ${beyond} ${parameters.add(after.id)}`];
      return [{ conditions, orderBy: `${id}${direction}` }];
    }
    if (after !== undefined) this.#requireComparable(order, after);
    if (after !== undefined && after.value === undefined) {
      const conditions = [`${field} IS NULL`, `${id} ${beyond} ${parameters.add(after.id)}`];
      return [{ conditions, orderBy: `${id}${direction}` }];
    }
    const next = after === undefined ? undefined : this.#beyond(parameters, order, after);
    if (required) return [{ conditions: next === undefined ? [] : [next], orderBy: this.#orderBy(order, false) }];
    const indexed = this.#table.indexes.some(({ columns }) => columns.at(-2) === name);
    if (!indexed) {
      const conditions = next === undefined ? [] : [`(${next} OR ${field} IS NULL)`];
      return [{ conditions, orderBy: this.#orderBy(order, true) }];
    }
    if (next === undefined && !this.#dialect.nullsFirst(order.descending)) {
      return [{ conditions: [], orderBy: this.#orderBy(order, false) }];
    }
    return [
      { conditions: [next ?? `${field} IS NOT NULL`], orderBy: this.#orderBy(order, false) },
      { conditions: [`${field} IS NULL`], orderBy: `${id}${direction}` },
    ];
  }

  #beyond(parameters: Parameters, order: Order, { value, id }: Position): string {
    const parameter = parameters.add(value as string | number);
    const operand = this.#column(order.field).kind === 'integer' ? this.#dialect.integer(parameter) : parameter;
    const beyond = order.descending ? '<' : '>';
    return `(${quoted(order.field)}, ${quoted(this.#table.id)}) ${beyond} (${operand}, ${parameters.add(id)})`;
  }

  #orderBy(order: Order, nullsLast: boolean): string {
    const direction = order.descending ? ' DESC' : '';
    return `${quoted(order.field)}${direction}${nullsLast ? ' NULLS LAST' : ''}, ${quoted(this.#table.id)}${direction}`;
  }

  /** A cursor that was made up may hold what no column can be compared with. */
  #requireComparable({ field }: Order, { value }: Position): void {
    const { kind } = this.#column(field);
    const comparable =
      value === undefined ||
      (kind === 'integer'
        ? Number.isSafeInteger(value)
        : typeof value === 'string' && (kind !== 'timestamp' || normalizeTimestamp(value) === value));
    if (comparable) return;
    throw new ValidationError([{ path: 'cursor', message: 'is not a cursor; send next_cursor of the page before' }]);
  }
}
