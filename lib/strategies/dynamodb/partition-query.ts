/** The query of one partition of an index. */
import type { QueryCommandInput } from '@aws-sdk/lib-dynamodb';
import type { IndexDeclaration } from '../../model/collections.ts';
import { compareUtf8, type Scalar } from '../../model/order.ts';
import type { Query } from '../../repository/query.ts';
import { Expression } from './items/expressions.ts';
import { ABSENT_TIME } from './items/item-codec.ts';
import type { IndexPlan } from './query-plan.ts';

/** The latest possible time, which sorts below the mark of absent ones. */
const LAST_TIME = '9999-12-31T23:59:59.999Z';

/** The range of the sort key that can matter, both ends included. */
interface Bounds {
  readonly lower?: string;
  readonly upper?: string;
}

export interface PartitionOptions extends Bounds {
  readonly descending: boolean;
  readonly limit?: number;
  /** Reads only the entities without a time. */
  readonly absentOnly?: boolean;
}

export function partitionQuery(
  TableName: string,
  index: IndexDeclaration,
  value: Scalar,
  options: PartitionOptions,
): QueryCommandInput {
  const expression = new Expression();
  const conditions = [`${expression.name(index.partitionKey)} = ${expression.value(value)}`];
  const time = expression.name.bind(expression, index.sortKey);
  const upper = options.upper ?? (options.descending ? LAST_TIME : undefined);
  if (options.absentOnly) conditions.push(`${time()} = ${expression.value(ABSENT_TIME)}`);
  else if (options.lower !== undefined && upper !== undefined) {
    conditions.push(`${time()} BETWEEN ${expression.value(options.lower)} AND ${expression.value(upper)}`);
  } else if (options.lower !== undefined) conditions.push(`${time()} >= ${expression.value(options.lower)}`);
  else if (upper !== undefined) conditions.push(`${time()} <= ${expression.value(upper)}`);
  return {
    TableName,
    IndexName: index.name,
    KeyConditionExpression: conditions.join(' AND '),
    ScanIndexForward: !options.descending,
    ...(options.limit !== undefined && { Limit: options.limit }),
    ...expression.placeholders,
  };
}

/** Bounds of the sort key by the predicates and, if the query is in its order, by the cursor. */
export function boundsOf({ index, rest }: IndexPlan, inOrder?: Query): Bounds {
  const lowers: string[] = [];
  const uppers: string[] = [];
  for (const predicate of rest) {
    if (predicate.field !== index.sortKey || predicate.operator === 'in' || typeof predicate.value !== 'string')
      continue;
    if (['eq', 'gt', 'gte'].includes(predicate.operator)) lowers.push(predicate.value);
    if (['eq', 'lt', 'lte'].includes(predicate.operator)) uppers.push(predicate.value);
  }
  const after = inOrder?.after?.value;
  if (typeof after === 'string') (inOrder?.order.descending ? uppers : lowers).push(after);
  const lower = lowers.sort(compareUtf8).at(-1);
  const upper = uppers.sort(compareUtf8)[0];
  // DynamoDB refuses an empty range; no entity meets the predicates then, so any range will do.
  const empty = lower !== undefined && upper !== undefined && compareUtf8(lower, upper) > 0;
  return {
    ...(lower !== undefined && { lower }),
    ...(upper !== undefined && { upper: empty ? (lower as string) : upper }),
  };
}
