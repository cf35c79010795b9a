import type * as z from 'zod';
import { childPath, isPlainObject, type Problem } from '../../model/json-values.ts';
import { ValidationError } from '../../repository/errors.ts';
import { RequestError } from './request-error.ts';

/** Problems that one answer lists; a body may hold a million unknown names. */
const MAX_LISTED = 50;

const pathOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((parent, key) => childPath(parent, typeof key === 'number' ? key : String(key)), '');

const articled: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'a list',
  int: 'an integer',
  number: 'a number',
  string: 'a string',
};

const limited = (relation: string, limit: unknown, origin: string): string =>
  origin === 'array' ? `must have ${relation} ${limit} items` : `must be ${relation} ${limit}`;

function messageOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.message.endsWith('received undefined')) return 'is required';
      return `must be ${articled[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return limited('at least', issue.minimum, issue.origin);
    case 'too_big':
      return limited('at most', issue.maximum, issue.origin);
    case 'invalid_value':
      return `must be one of: ${issue.values.map(String).join(', ')}`;
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options)
        ? `must be one of: ${issue.options.join(', ')}`
        : issue.message;
    default:
      return issue.message;
  }
}

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const path = pathOf(issue.path);
  if (issue.code !== 'unrecognized_keys') return [{ path, message: messageOf(issue) }];
  return issue.keys
    .slice(0, MAX_LISTED)
    .map((key) => ({ path: childPath(path, key), message: 'is unknown; check its spelling or leave it out' }));
}

/** @throws RequestError if the request has no body */
export function requireBody(body: unknown): unknown {
  if (body === undefined) throw new RequestError('malformed_request', 'The call needs a JSON body.');
  return body;
}

/**
 * Validates a body against its schema.
 * @throws RequestError if the request has no body, ValidationError naming each problem
 */
export function checkBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const checked = schema.safeParse(requireBody(body));
  if (checked.success) return checked.data;
  throw new ValidationError(checked.error.issues.slice(0, MAX_LISTED).flatMap(problemsOf));
}

/**
 * An entity, or changes to one, for a call that has the id in its path or operation: the id field may be left out.
 * @param at path of the entity in the body, for messages
 * @throws ValidationError if the id field holds another id
 */
export function withId(idField: string, id: string, body: unknown, at = ''): Readonly<Record<string, unknown>> {
  const entity = requireBody(body);
  if (!isPlainObject(entity)) throw new ValidationError([{ path: at, message: 'must be a JSON object' }]);
  if ((entity[idField] ?? id) !== id) {
    const message = `must be ${JSON.stringify(id)}, the id the call is for, or be left out`;
    throw new ValidationError([{ path: childPath(at, idField), message }]);
  }
  return { ...entity, [idField]: id };
}
