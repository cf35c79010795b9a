/** The statements that read. Callers' values become parameters; names come only from the model. */
import { normalizeTimestamp } from '../../model/timestamps.ts';
import { ValidationError } from '../../repository/errors.ts';
import type { Order, Position, Predicate, Query } from '../../repository/query.ts';
import type { Dialect } from './dialect.ts';
import { type Column, type Index, quoted, type Table } from './schema.ts';
import type { SqlParameter } from './sql-session.ts';

export interface Statement {
  readonly text: string;
  readonly values: readonly SqlParameter[];
}

/** Any-of lists up to this length are read value by value from the index, in the requested order, which avoids a sort. */
const MAX_BRANCHES = 10;

const operators = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

/** Collects parameters: their values, or functions that return them. */
class Parameters<T = SqlParameter> {
  readonly values: T[] = [];
  readonly #dialect: Dialect;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  add(value: T): string {
    this.values.push(value);
    return this.#dialect.parameter(this.values.length);
  }
}

type AnyOf = Extract<Predicate, { operator: 'in' }>;

const idAfter: Source = ({ after }) => after?.id as string;

/** A parameter of the statement for all queries of one shape: returns its value for a given query. */
type Source = (query: Query) => SqlParameter;

/** The statement for all queries that differ only in their values. */
interface Shape {
  readonly text: string;
  readonly sources: readonly Source[];
}

/** How many shapes are kept: callers may combine filters in ever new ways. */
const MAX_SHAPES = 500;

/** An any-of predicate: its index among the predicates, and the number of its values. */
interface FanOut {
  readonly at: number;
  readonly field: string;
  readonly values: number;
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
  readonly #shapes = new Map<string, Shape>();
  /** The row with an id. */
  readonly one: string;
  /** The rows with one of a list of ids, in no particular order. */
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
   * A page of a query, and one more row if there is one.
   * @param watch a condition on a name that is evaluated first, for every row read
   */
  page(query: Query, watch?: { readonly name: string; condition(parameter: string): string }): Statement {
    if (query.after !== undefined) this.#requireComparable(query.order, query.after);
    const { text, sources } = watch === undefined ? this.#shapeOf(query) : this.#makeShape(query, watch);
    return { text, values: sources.map((source) => source(query)) };
  }

  #shapeOf(query: Query): Shape {
    const { predicates, order, limit, after } = query;
    let key = `${order.field} ${order.descending} ${limit} ${after === undefined ? '' : after.value === undefined}`;
    for (const predicate of predicates) {
      key += ` ${predicate.field} ${predicate.operator}`;
      if (predicate.operator === 'in') key += predicate.values.length <= MAX_BRANCHES ? predicate.values.length : '';
    }
    const known = this.#shapes.get(key);
    if (known !== undefined) return known;
    const shape = this.#makeShape(query);
    if (this.#shapes.size >= MAX_SHAPES) this.#shapes.clear();
    this.#shapes.set(key, shape);
    return shape;
  }

  #makeShape(query: Query, watch?: { readonly name: string; condition(parameter: string): string }): Shape {
    const parameters = new Parameters<Source>(this.#dialect);
    const fanOut = this.#fanOut(query);
    const shared = query.predicates.flatMap((predicate, i) => {
      if (i === fanOut?.at) return [];
      return [
        this.#condition(
          predicate,
          parameters.add((of) => this.#operand(of.predicates[i] as Predicate)),
        ),
      ];
    });
    const watched = watch === undefined ? [] : [watch.condition(parameters.add(() => watch.name))];
    const limit = ` LIMIT ${query.limit + 1}`;
    const selects = this.#branches(parameters, query).flatMap(({ conditions, orderBy }) =>
      this.#fannedOut(parameters, fanOut).map(
        (own) => `${this.#select([...watched, ...own, ...conditions, ...shared])} ORDER BY ${orderBy}${limit}`,
      ),
    );
    if (selects.length === 1) return { text: selects[0] as string, sources: parameters.values };
    const union = selects.map((text) => `SELECT * FROM (${text}) AS branch`).join(' UNION ALL ');
    const text = `SELECT * FROM (${union}) AS page ORDER BY ${this.#orderBy(query.order, true)}${limit}`;
    return { text, sources: parameters.values };
  }

  /** Counts the rows that meet the predicates; with `groupBy`, grouped by a field's value, with NULL as a group. */
  count(predicates: readonly Predicate[], groupBy?: string): Statement {
    const parameters = new Parameters(this.#dialect);
    const conditions = predicates.map((predicate) =>
      this.#condition(predicate, parameters.add(this.#operand(predicate))),
    );
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    const from = `FROM ${quoted(this.#table.name)}${where}`;
    const text =
      groupBy === undefined
        ? `SELECT count(*) ${from}`
        : `SELECT count(*), ${quoted(groupBy)} ${from} GROUP BY ${quoted(groupBy)}`;
    return { text, values: parameters.values };
  }

  /** The next rows of a segment, ordered by id. */
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

  /** Ids of rows whose `field` equals `value`, at most `limit`. */
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

  /** The value that a predicate compares with. */
  #operand(predicate: Predicate): SqlParameter {
    if (predicate.operator !== 'in') return predicate.value;
    return this.#dialect.list(predicate.values as readonly string[] | readonly number[]);
  }

  #condition({ field, operator }: Pick<Predicate, 'field' | 'operator'>, parameter: string): string {
    const { name, kind } = this.#column(field);
    const column = quoted(name);
    if (operator === 'in') return this.#dialect.anyOf(column, parameter, kind);
    if (operator === 'begins_with') return this.#dialect.beginsWith(column, parameter, kind);
    const operand = kind === 'integer' ? this.#dialect.integer(parameter) : parameter;
    return operator === 'ne' ? this.#dialect.differs(column, operand) : `${column} ${operators[operator]} ${operand}`;
  }

  /** The index that returns a query in its order, once the partition key is fixed. */
  #indexFor({ order }: Query, partitionKey: string): Index | undefined {
    return this.#table.indexes.find(({ columns: [first, second] }) => first === partitionKey && second === order.field);
  }

  /** The any-of predicate whose values are read one after the other, each from the index. */
  #fanOut(query: Query): FanOut | undefined {
    const { predicates } = query;
    if (predicates.some(({ operator, field }) => operator === 'eq' && this.#indexFor(query, field) !== undefined)) {
      return undefined;
    }
    for (const [at, predicate] of predicates.entries()) {
      if (predicate.operator !== 'in' || this.#indexFor(query, predicate.field) === undefined) continue;
      const { field, values } = predicate;
      if (values.length > 0 && values.length <= MAX_BRANCHES) return { at, field, values: values.length };
    }
    return undefined;
  }

  /** The conditions of one SELECT for each value of the any-of predicate; of a single SELECT if there is none. */
  #fannedOut(parameters: Parameters<Source>, fanOut: FanOut | undefined): string[][] {
    if (fanOut === undefined) return [[]];
    const { at, field, values } = fanOut;
    return Array.from({ length: values }, (_, i) => {
      const parameter = parameters.add(({ predicates }) => (predicates[at] as AnyOf).values[i] as SqlParameter);
      return [this.#condition({ field, operator: 'eq' }, parameter)];
    });
  }

  /**
   * Absent values come last in every order. If the index has them first, they are a branch of their own, so that each
   * branch is read from the index and nothing is sorted.
   */
  #branches(parameters: Parameters<Source>, { order, after }: Query): Branch[] {
    const { name, required } = this.#column(order.field);
    const field = quoted(name);
    const id = quoted(this.#table.id);
    const direction = order.descending ? ' DESC' : '';
    const beyond = order.descending ? '<' : '>';
    if (name === this.#table.id) {
      const conditions = after === undefined ? [] : [`${id} ${beyond} ${parameters.add(idAfter)}`];
      return [{ conditions, orderBy: `${id}${direction}` }];
    }
    if (after !== undefined && after.value === undefined) {
      const conditions = [`${field} IS NULL`, `${id} ${beyond} ${parameters.add(idAfter)}`];
      return [{ conditions, orderBy: `${id}${direction}` }];
    }
    const next = after === undefined ? undefined : this.#beyond(parameters, order);
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

  #beyond(parameters: Parameters<Source>, order: Order): string {
    const parameter = parameters.add(({ after }) => after?.value as SqlParameter);
    const operand = this.#column(order.field).kind === 'integer' ? this.#dialect.integer(parameter) : parameter;
    const beyond = order.descending ? '<' : '>';
    return `(${quoted(order.field)}, ${quoted(this.#table.id)}) ${beyond} (${operand}, ${parameters.add(idAfter)})`;
  }

  #orderBy(order: Order, nullsLast: boolean): string {
    const direction = order.descending ? ' DESC' : '';
    return `${quoted(order.field)}${direction}${nullsLast ? ' NULLS LAST' : ''}, ${quoted(this.#table.id)}${direction}`;
  }

  /** A forged cursor may hold a value that no column can be compared with. */
  #requireComparable({ field }: Order, { value }: Position): void {
    const { kind } = this.#column(field);
    const comparable =
      value === undefined ||
      (kind === 'integer'
        ? Number.isSafeInteger(value)
        : typeof value === 'string' && (kind !== 'timestamp' || normalizeTimestamp(value) === value));
    if (comparable) return;
    throw new ValidationError([{ path: 'cursor', message: 'is not a cursor; send next_cursor of the previous page' }]);
  }
}
