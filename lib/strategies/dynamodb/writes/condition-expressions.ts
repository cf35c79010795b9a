/**
 * Condition expressions as in SPEC.md, `attribute_exists(request_id) AND version = :expected`, for callers that know
 * DynamoDB. Every name becomes a placeholder, so that reserved words are harmless, and only conditions are accepted.
 */
import { type CollectionName, fieldsOf } from '../../../model/collections.ts';
import type { JsonValue } from '../../../model/entities.ts';
import { encodeKey } from '../../../model/item-keys.ts';
import { ValidationError } from '../../../repository/errors.ts';
import type { Expression } from '../items/expressions.ts';
import { EXTRA, encodeValue } from '../items/item-codec.ts';

/** Values by their names in the expression, `:` included. */
export type ExpressionValues = Readonly<Record<string, JsonValue>>;

const TOKEN = /\s*(?:(?<value>:[A-Za-z0-9_]+)|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<sign><>|<=|>=|[=<>(),]))/y;
const KEYWORDS = new Set(['AND', 'OR', 'NOT', 'BETWEEN', 'IN']);
const FUNCTIONS = new Set([
  'attribute_exists',
  'attribute_not_exists',
  'attribute_type',
  'begins_with',
  'contains',
  'size',
]);

const refuse = (path: string, message: string): never => {
  throw new ValidationError([{ path, message }]);
};

/**
 * The text of a condition, with the placeholders of `expression`.
 * @param path names the argument in an error
 * @throws ValidationError if it is not a condition, or its values are not those that it names
 */
export function conditionText(
  expression: Expression,
  collection: CollectionName,
  text: string,
  values: ExpressionValues,
  path: string,
): string {
  const declared = fieldsOf(collection);
  const named = (name: string): string =>
    declared.has(name) ? expression.name(name) : `${expression.name(EXTRA)}.${expression.name(encodeKey(name))}`;
  const placeholders = new Map<string, string>();
  const parts: string[] = [];
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.trimEnd().length; ) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(text)?.groups;
    if (token === undefined)
      return refuse(path, `cannot be understood at ${JSON.stringify(text.slice(at, at + 20).trim())}`);
    const { value, name, sign } = token;
    if (value !== undefined) {
      if (!Object.hasOwn(values, value)) return refuse('expressionValues', `has no ${value}, which ${path} names`);
      const known = placeholders.get(value) ?? expression.value(encodeValue(values[value] as JsonValue));
      placeholders.set(value, known);
      parts.push(known);
    } else if (name !== undefined) {
      const isFunction = FUNCTIONS.has(name) && /^\s*\(/.test(text.slice(TOKEN.lastIndex));
      const isKeyword = KEYWORDS.has(name.toUpperCase());
      if (isKeyword) parts.push(name.toUpperCase());
      else parts.push(isFunction ? name : named(name));
    } else parts.push(sign as string);
  }
  const unused = Object.keys(values).find((value) => !placeholders.has(value));
  if (unused !== undefined) refuse('expressionValues', `has ${unused}, which ${path} does not name`);
  if (parts.length === 0) refuse(path, 'must not be empty');
  return parts.join(' ');
}

/** Runs a call with a caller's condition. @throws ValidationError if DynamoDB does not understand the condition */
export async function withCallersCondition<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { cause } = error as Error;
    if (!(cause instanceof Error) || cause.name !== 'ValidationException') throw error;
    return refuse(path, `is refused by DynamoDB: ${cause.message}`);
  }
}
