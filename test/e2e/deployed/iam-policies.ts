/** The permissions of a role according to the templates' policies, evaluated like IAM for calls within one account. */
import type { Resource, Stacks } from './stacks.ts';

/** One permission that a call needs. */
export interface Permission {
  /** For example `dynamodb:GetItem`. */
  readonly action: string;
  readonly resource: string;
  /** Values of the call's condition keys. */
  readonly context?: Readonly<Record<string, string>>;
}

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: string | readonly string[];
  readonly NotAction?: unknown;
  readonly Resource?: string | readonly string[];
  readonly NotResource?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

const listOf = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : ((Array.isArray(value) ? value : [value]) as readonly T[]);

/** Whether a text matches a pattern with `*` and `?`. */
export function fits(pattern: string, text: string, flags = ''): boolean {
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[^]*')
    .replaceAll('?', '[^]');
  return new RegExp(`^${expression}$`, flags).test(text);
}

const operators: Readonly<Record<string, (wanted: string, given: string | undefined) => boolean>> = {
  StringEquals: (wanted, given) => given === wanted,
  StringNotEquals: (wanted, given) => given !== wanted,
  StringLike: (wanted, given) => given !== undefined && fits(wanted, given),
  ArnEquals: (wanted, given) => given !== undefined && fits(wanted, given),
  ArnLike: (wanted, given) => given !== undefined && fits(wanted, given),
  Bool: (wanted, given) => given === wanted,
  Null: (wanted, given) => (given === undefined) === (wanted === 'true'),
};

function isMet({ Condition = {} }: Statement, context: Readonly<Record<string, string>>): boolean {
  return Object.entries(Condition).every(([operator, keys]) => {
    const compare = operators[operator];
    if (compare === undefined) throw new TypeError(`The condition ${operator} is unknown: add it to iam-policies.ts.`);
    return Object.entries(keys).every(([key, wanted]) =>
      listOf<string>(wanted).some((value) => compare(String(value), context[key])),
    );
  });
}

function applies(statement: Statement, { action, resource, context = {} }: Permission): boolean {
  if (statement.NotAction !== undefined || statement.NotResource !== undefined) {
    throw new TypeError('NotAction and NotResource are not known here: add them to iam-policies.ts.');
  }
  return (
    listOf(statement.Action).some((pattern) => fits(pattern, action, 'i')) &&
    listOf(statement.Resource).some((pattern) => fits(pattern, resource)) &&
    isMet(statement, context)
  );
}

/** An action on a resource pattern, as a policy grants it. */
export interface Grant {
  readonly action: string;
  readonly resource: string;
}

/** The policies of a role. */
export class RolePolicies {
  readonly #statements: readonly Statement[];

  constructor(statements: readonly unknown[]) {
    this.#statements = statements as readonly Statement[];
  }

  /** Whether a statement allows it and none denies it. */
  allows(permission: Permission): boolean {
    const applying = this.#statements.filter((statement) => applies(statement, permission));
    return applying.some(({ Effect }) => Effect === 'Allow') && !applying.some(({ Effect }) => Effect === 'Deny');
  }

  /** All grants, each action on each resource once. */
  get grants(): Grant[] {
    const all = this.#statements
      .filter(({ Effect }) => Effect === 'Allow')
      .flatMap(({ Action, Resource }) =>
        listOf(Action).flatMap((action) => listOf(Resource).map((resource) => ({ action, resource }))),
      );
    const unique = new Map(all.map((grant) => [`${grant.action} ${grant.resource}`, grant]));
    return [...unique.values()];
  }
}

const statementsOf = (document: unknown): unknown[] => [...listOf((document as { Statement: unknown }).Statement)];

/** The policies of a role: inline and attached ones. @throws Error if one is not in the templates */
export function policiesOf(stacks: Stacks, role: Resource): RolePolicies {
  const { Policies = [], ManagedPolicyArns = [] } = role.properties as {
    Policies?: readonly { PolicyDocument: unknown }[];
    ManagedPolicyArns?: readonly string[];
  };
  const attached = stacks
    .ofType('AWS::IAM::Policy')
    .filter(({ properties }) => listOf(properties.Roles as string[]).includes(role.ref));
  const managed = stacks
    .ofType('AWS::IAM::ManagedPolicy')
    .filter(
      ({ arn, properties }) =>
        ManagedPolicyArns.includes(arn) || listOf(properties.Roles as string[] | undefined).includes(role.ref),
    );
  const foreign = ManagedPolicyArns.filter((policy) => !managed.some(({ arn }) => arn === policy));
  if (foreign.length > 0)
    throw new Error(`${role.logicalId} has policies that no template shows: ${foreign.join(', ')}.`);
  return new RolePolicies([
    ...Policies.flatMap(({ PolicyDocument }) => statementsOf(PolicyDocument)),
    ...[...attached, ...managed].flatMap(({ properties }) => statementsOf(properties.PolicyDocument)),
  ]);
}
