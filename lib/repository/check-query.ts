/** Checks filters, orders and limits before any store sees them. */
import { type CollectionName, type FieldDeclaration, fieldsOf } from '../model/collections.ts';
import { childPath, isPlainObject, numberProblem, type Problem, stringProblem } from '../model/json-values.ts';
import { DEFAULT_PAGE_ENTITIES, MAX_PAGE_ENTITIES } from '../model/limits.ts';
import type { Scalar } from '../model/order.ts';
import { normalizeTimestamp } from '../model/timestamps.ts';
import { decodeCursor } from './cursor.ts';
import { ValidationError } from './errors.ts';
import {
  type CountOptions,
  type FilterOperator,
  filterOperators,
  type Order,
  type Predicate,
  type Query,
  type QueryOptions,
} from './query.ts';

/** DynamoDB: at most 100 operands of IN. */
const MAX_ANY_OF = 100;

const isScalarField = ({ type }: FieldDeclaration): boolean => type !== 'list' && type !== 'object';

function scalarField(collection: CollectionName, name: string): FieldDeclaration | undefined {
  const field = fieldsOf(collection).get(name);
  return field !== undefined && isScalarField(field) ? field : undefined;
}

const scalarFieldNames = (collection: CollectionName): string =>
  [...fieldsOf(collection)].flatMap(([name, field]) => (isScalarField(field) ? [name] : [])).join(', ');

const unknownField = (collection: CollectionName): string =>
  `is not a field to filter, order or group ${collection} by; these are: ${scalarFieldNames(collection)}`;

/** A filter value in stored form, or what is wrong with it. */
function checkValue(
  { type }: FieldDeclaration,
  operator: FilterOperator,
  value: unknown,
): { value: Scalar } | { problem: string } {
  if (type === 'integer') {
    if (operator === 'begins_with') return { problem: 'is a number, which has no prefix; use eq, gt or lt' };
    if (!Number.isInteger(value)) return { problem: 'must be an integer' };
    const problem = numberProblem(value as number);
    return problem === undefined ? { value: value as number } : { problem };
  }
  if (typeof value !== 'string') return { problem: 'must be a string' };
  const problem = stringProblem(value);
  if (problem !== undefined) return { problem };
  if (type === 'string' || operator === 'begins_with') return { value };
  const time = normalizeTimestamp(value);
  return time === undefined
    ? { problem: "must be an ISO 8601 date and time with offset (in a URL, '+' is written %2B)" }
    : { value: time };
}

const asOperators = (filter: unknown): Readonly<Record<string, unknown>> => {
  if (Array.isArray(filter)) return { in: filter };
  return isPlainObject(filter) ? filter : { eq: filter };
};

/** Checks filters, and returns their predicates in the given order. */
function checkFilters(collection: CollectionName, filters: unknown, problems: Problem[]): Predicate[] {
  if (filters === undefined || filters === null) return [];
  if (!isPlainObject(filters)) {
    problems.push({ path: 'filters', message: 'must be an object of fields' });
    return [];
  }
  const predicates: Predicate[] = [];
  for (const [name, filter] of Object.entries(filters)) {
    if (filter === undefined) continue;
    const path = childPath('', name);
    const field = scalarField(collection, name);
    if (field === undefined) {
      problems.push({ path, message: unknownField(collection) });
      continue;
    }
    for (const [operator, operand] of Object.entries(asOperators(filter))) {
      if (operand === undefined) continue;
      const found = checkOperator(name, field, operator, operand);
      if ('message' in found) problems.push({ path, message: found.message });
      else predicates.push(found);
    }
  }
  return predicates;
}

function checkOperator(
  name: string,
  field: FieldDeclaration,
  operator: string,
  operand: unknown,
): Predicate | { message: string } {
  if (!(filterOperators as readonly string[]).includes(operator)) {
    return { message: `has the unknown operator ${JSON.stringify(operator)}; use ${filterOperators.join(', ')}` };
  }
  if (operator !== 'in') {
    const checked = checkValue(field, operator as FilterOperator, operand);
    if ('problem' in checked) return { message: checked.problem };
    return { field: name, operator: operator as Exclude<FilterOperator, 'in'>, value: checked.value };
  }
  if (!Array.isArray(operand)) return { message: 'needs a list of values for the operator in' };
  if (operand.length > MAX_ANY_OF) return { message: `takes at most ${MAX_ANY_OF} values in one list` };
  const values = new Set<Scalar>();
  for (const value of operand) {
    const checked = checkValue(field, 'in', value);
    if ('problem' in checked) return { message: checked.problem };
    values.add(checked.value);
  }
  const [only] = values;
  if (values.size === 1) return { field: name, operator: 'eq', value: only as Scalar };
  return { field: name, operator: 'in', values: [...values] };
}

function checkOrder(collection: CollectionName, orderBy: unknown, problems: Problem[]): Order {
  if (orderBy === undefined) return { field: 'created_at', descending: false };
  const descending = typeof orderBy === 'string' && orderBy.startsWith('-');
  const field = String(orderBy).slice(descending ? 1 : 0);
  if (scalarField(collection, field) === undefined) {
    problems.push({ path: 'order_by', message: `${JSON.stringify(field)} ${unknownField(collection)}` });
  }
  return { field, descending };
}

/**
 * Checks a query.
 * @throws ValidationError naming every filter, order, limit or cursor that cannot be used
 */
export function checkQuery(collection: CollectionName, options: QueryOptions): Query {
  const problems: Problem[] = [];
  const predicates = checkFilters(collection, options.filters, problems);
  const order = checkOrder(collection, options.orderBy, problems);
  const { limit = DEFAULT_PAGE_ENTITIES } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_ENTITIES) {
    problems.push({ path: 'limit', message: `must be an integer from 1 to ${MAX_PAGE_ENTITIES}` });
  }
  if (problems.length > 0) throw new ValidationError(problems);
  const query = { predicates, order, limit, explain: options.explain === true };
  if (options.cursor === undefined) return query;
  return { ...query, after: decodeCursor(options.cursor, collection, query) };
}

/**
 * Checks a count.
 * @throws ValidationError naming every filter or group that cannot be used
 */
export function checkCount(
  collection: CollectionName,
  options: CountOptions,
): { predicates: readonly Predicate[]; groupBy?: string | undefined } {
  const problems: Problem[] = [];
  const predicates = checkFilters(collection, options.filters, problems);
  const { groupBy } = options;
  if (groupBy !== undefined && scalarField(collection, groupBy) === undefined) {
    problems.push({ path: 'group_by', message: `${JSON.stringify(groupBy)} ${unknownField(collection)}` });
  }
  if (problems.length > 0) throw new ValidationError(problems);
  return { predicates, groupBy };
}
