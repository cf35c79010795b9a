/** CloudFormation's intrinsic functions, as far as templates use them; unknown ones are errors. */

/** The targets of references. */
export interface Scope {
  ref(name: string): unknown;
  attribute(resource: string, attribute: string): unknown;
  importValue(name: string): unknown;
  /** A condition by its name. */
  condition(name: string): boolean;
  findInMap(map: string, first: string, second: string): unknown;
}

/** Represents AWS::NoValue: its property is omitted. */
export const NO_VALUE = Symbol('AWS::NoValue');

const text = (value: unknown): string => {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError(`${JSON.stringify(value)} is no text.`);
};

const list = (value: unknown): unknown[] => {
  if (Array.isArray(value)) return value;
  throw new TypeError(`${JSON.stringify(value)} is no list.`);
};

function substitute(value: unknown, scope: Scope): string {
  const [template, given] = typeof value === 'string' ? [value, {}] : (value as [string, Record<string, unknown>]);
  return template.replaceAll(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
    if (literal !== '') return `\${${name}}`;
    if (Object.hasOwn(given, name)) return text(resolve(given[name], scope));
    const [resource, ...attribute] = name.split('.') as [string, ...string[]];
    return text(attribute.length === 0 ? scope.ref(name) : scope.attribute(resource, attribute.join('.')));
  });
}

function attribute(value: unknown, scope: Scope): unknown {
  const [resource, ...rest] = typeof value === 'string' ? value.split('.') : list(value);
  return scope.attribute(text(resource), rest.map((part) => text(resolve(part, scope))).join('.'));
}

const isTrue = (value: unknown, scope: Scope): boolean => {
  const resolved = resolve(value, scope);
  return resolved === true || resolved === 'true';
};

const functions: Readonly<Record<string, (value: unknown, scope: Scope) => unknown>> = {
  Ref: (value, scope) => (value === 'AWS::NoValue' ? NO_VALUE : scope.ref(text(value))),
  Condition: (value, scope) => scope.condition(text(value)),
  'Fn::GetAtt': attribute,
  'Fn::Sub': substitute,
  'Fn::ImportValue': (value, scope) => scope.importValue(text(resolve(value, scope))),
  'Fn::Join': (value, scope) => {
    const [separator, parts] = list(value);
    return list(resolve(parts, scope)).map(text).join(text(separator));
  },
  'Fn::Split': (value, scope) => {
    const [separator, whole] = list(value);
    return text(resolve(whole, scope)).split(text(separator));
  },
  'Fn::Select': (value, scope) => {
    const [index, values] = list(value);
    const chosen = list(resolve(values, scope))[Number(resolve(index, scope))];
    if (chosen === undefined) throw new RangeError(`Fn::Select finds nothing at ${String(index)}.`);
    return chosen;
  },
  'Fn::If': (value, scope) => {
    const [name, yes, no] = list(value);
    return resolve(scope.condition(text(name)) ? yes : no, scope);
  },
  'Fn::Equals': (value, scope) => {
    const [a, b] = list(value).map((side) => text(resolve(side, scope)));
    return a === b;
  },
  'Fn::Not': (value, scope) => !isTrue(list(value)[0], scope),
  'Fn::And': (value, scope) => list(value).every((each) => isTrue(each, scope)),
  'Fn::Or': (value, scope) => list(value).some((each) => isTrue(each, scope)),
  'Fn::FindInMap': (value, scope) => {
    const [map, first, second] = list(value).map((key) => text(resolve(key, scope)));
    return scope.findInMap(map as string, first as string, second as string);
  },
  'Fn::GetAZs': (_, scope) => ['a', 'b', 'c'].map((zone) => `${text(scope.ref('AWS::Region'))}${zone}`),
};

/**
 * A template value with all references and functions resolved.
 * @throws TypeError if it has an unknown function
 */
export function resolve(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(item, scope)).filter((item) => item !== NO_VALUE);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  // The key Condition is also part of IAM statements: it is the function only with a condition's name.
  const isFunction =
    first !== undefined && entries.length === 1 && (first[0] !== 'Condition' || typeof first[1] === 'string');
  if (isFunction && (/^Fn::/.test(first[0]) || first[0] === 'Ref' || first[0] === 'Condition')) {
    const call = functions[first[0]];
    if (call === undefined) throw new TypeError(`${first[0]} is unknown: add it to intrinsics.ts.`);
    return call(first[1], scope);
  }
  return Object.fromEntries(
    entries.map(([key, item]) => [key, resolve(item, scope)] as const).filter(([, item]) => item !== NO_VALUE),
  );
}
