/** Query parameters of queries and counts: `status=A&status=B`, `created_at[gte]=…`, `order_by`, `limit`, `cursor`. */
import { type CollectionName, fieldsOf } from '../../model/collections.ts';
import { type Problem, setOwn } from '../../model/json-values.ts';
import type { Scalar } from '../../model/order.ts';
import { ValidationError } from '../../repository/errors.ts';
import type { CountOptions, Filter, Filters, QueryOptions } from '../../repository/query.ts';
import type { ServiceRequest } from '../service.ts';

type Parameters = ServiceRequest['query'];
type Operand = Scalar | readonly Scalar[];

const FILTER = /^([^[\]]+)(?:\[([^[\]]*)\])?$/;
const INTEGER = /^-?\d{1,15}$/;

const once = (path: string): Problem => ({ path, message: 'is given twice; give it once' });

/** A parameter that may be given once; undefined if it is left out. */
function single(parameters: Parameters, name: string, problems: Problem[]): string | undefined {
  const values = parameters.get(name);
  if (values !== undefined && values.length > 1) problems.push(once(name));
  return values?.[0];
}

/** A filter's value in the type of its field. Only malformed numbers are refused here; the model checks everything else. */
function typed(collection: CollectionName, field: string, text: string, problems: Problem[]): Scalar {
  if (fieldsOf(collection).get(field)?.type !== 'integer') return text;
  if (!INTEGER.test(text)) problems.push({ path: field, message: 'must be an integer of at most 15 digits' });
  return Number(text);
}

/** The filters among the parameters; `reserved` names the others. */
function filtersOf(
  collection: CollectionName,
  parameters: Parameters,
  reserved: readonly string[],
  problems: Problem[],
): Filters {
  const found = new Map<string, Map<string, Operand>>();
  for (const [name, texts] of parameters) {
    if (reserved.includes(name)) continue;
    const [, field, operator = texts.length > 1 ? 'in' : 'eq'] = FILTER.exec(name) ?? [];
    if (field === undefined) {
      problems.push({ path: name, message: 'is not a filter; write field=value or field[operator]=value' });
      continue;
    }
    const values = texts.map((text) => typed(collection, field, text, problems));
    const operators = found.get(field) ?? new Map<string, Operand>();
    if (operators.has(operator) || (operator !== 'in' && values.length > 1)) problems.push(once(name));
    operators.set(operator, operator === 'in' ? values : (values[0] as Scalar));
    found.set(field, operators);
  }
  const filters: Record<string, Filter> = {};
  for (const [field, operators] of found) {
    const filter: Record<string, Operand> = {};
    for (const [operator, operand] of operators) setOwn(filter, operator, operand);
    setOwn<Filter>(filters, field, filter);
  }
  return filters;
}

function throwIfAny(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ValidationError(problems);
}

/** @throws ValidationError naming the malformed parameters; the repository checks what they mean */
export function queryOptions(collection: CollectionName, parameters: Parameters): QueryOptions {
  const problems: Problem[] = [];
  const orderBy = single(parameters, 'order_by', problems);
  const limit = single(parameters, 'limit', problems);
  const cursor = single(parameters, 'cursor', problems);
  if (limit !== undefined && !INTEGER.test(limit)) problems.push({ path: 'limit', message: 'must be an integer' });
  const filters = filtersOf(collection, parameters, ['order_by', 'limit', 'cursor'], problems);
  throwIfAny(problems);
  return { filters, orderBy, limit: limit === undefined ? undefined : Number(limit), cursor };
}

/** @throws ValidationError naming the malformed parameters; the repository checks what they mean */
export function countOptions(collection: CollectionName, parameters: Parameters): CountOptions {
  const problems: Problem[] = [];
  const groupBy = single(parameters, 'group_by', problems);
  const filters = filtersOf(collection, parameters, ['group_by'], problems);
  throwIfAny(problems);
  return { filters, groupBy };
}
