/** Problems of a configuration, as messages that name the key and what to write instead. */
import type * as z from 'zod';
import { childPath, type Problem } from '../model/json-values.ts';
import { configSchema } from './configuration.ts';
import { nearest } from './nearest.ts';

type RawIssue = z.core.$ZodRawIssue;

const kinds: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
};

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return JSON.stringify(value) ?? typeof value;
}

const kindExpected = (expected: string): string => kinds[expected] ?? expected;

/** The message of an issue for which the schema has no message; undefined leaves it to zod. */
export function issueMessage(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is required';
      return `must be ${kindExpected(issue.expected)}, not ${kindOf(issue.input)}`;
    case 'invalid_union': {
      const expected = issue.errors.flatMap(wrongKind).map(kindExpected);
      return `must be ${expected.join(' or ')}, not ${kindOf(issue.input)}`;
    }
    case 'invalid_value': {
      const values = issue.values.map((value) => JSON.stringify(value)).join(' or ');
      return issue.input === undefined ? `is required: ${values}` : `must be ${values}, not ${kindOf(issue.input)}`;
    }
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string'
        ? `must have at most ${issue.maximum} characters`
        : `must be at most ${issue.maximum}`;
    default:
      return undefined;
  }
}

type Issue = z.core.$ZodIssue;

/** The kind that one form of a value requires, if the value is of another kind. */
const wrongKind = (issues: readonly Issue[]): string[] =>
  issues.flatMap((issue) => (issue.code === 'invalid_type' && issue.path.length === 0 ? [issue.expected] : []));

/** The issues of a value with several allowed forms, in the form that was meant. */
function issuesOfForm(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.find((issues) => wrongKind(issues).length === 0);
  return meant?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

const pathOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((at, key) => childPath(at, typeof key === 'number' ? key : String(key)), '');

interface KnownKey {
  readonly parent: string;
  readonly name: string;
  readonly path: string;
}

function keysOf(schema: object, parent = ''): KnownKey[] {
  const { properties = {}, anyOf = [] } = schema as { properties?: Record<string, object>; anyOf?: object[] };
  const own = Object.entries(properties).flatMap(([name, child]) => {
    const path = childPath(parent, name);
    return [{ parent, name, path }, ...keysOf(child, path)];
  });
  return [...own, ...anyOf.flatMap((form) => keysOf(form, parent))];
}

/** The valid key that an unknown one was probably meant to be: a sibling, else one with the same name elsewhere. */
function meantKey(parent: string, name: string): string | undefined {
  const known = keysOf(configSchema());
  const siblings = known.filter((key) => key.parent === parent).map((key) => key.name);
  return nearest(name, siblings) ?? known.find((key) => key.name === name)?.path;
}

function unknownKey(parent: string, name: string): Problem {
  const meant = meantKey(parent, name);
  const message = `is not a known key${meant === undefined ? '' : `; did you mean ${meant}?`}`;
  return { path: childPath(parent, name), message };
}

/** Converts zod's issues to problems. */
export const problemsOf = (issues: readonly Issue[]): Problem[] =>
  issues
    .flatMap(issuesOfForm)
    .flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => unknownKey(pathOf(issue.path), key))
        : [{ path: pathOf(issue.path), message: issue.message }],
    );
