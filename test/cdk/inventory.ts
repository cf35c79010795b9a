/** A readable inventory of an environment: one line per resource, with its permissions. */
import type { Template } from 'aws-cdk-lib/assertions';

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

/** A short form of a template value: `<Name.Arn>/*`. */
function inWords(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(inWords).join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, content] = ['', undefined], ...more] = Object.entries(value);
  if (more.length === 0 && name === 'Ref') return `<${content}>`;
  if (more.length === 0 && name === 'Fn::ImportValue') return `<${inWords(content)}>`;
  if (more.length === 0 && name === 'Fn::GetAtt') return `<${(content as string[]).join('.')}>`;
  if (more.length === 0 && name === 'Fn::Join') {
    const [delimiter, parts] = content as [string, unknown[]];
    return parts.map(inWords).join(delimiter);
  }
  const members = Object.entries(value).map(([key, member]) => `${key}: ${inWords(member)}`);
  return `{ ${members.join(', ')} }`;
}

function statementInWords({ Effect, Action, Resource, Principal, Condition }: Statement): string {
  const parts: [string, unknown][] = [
    ['to', Principal],
    ['on', Resource],
    ['if', Condition],
  ];
  const said = parts.filter(([, value]) => value !== undefined).map(([word, value]) => ` ${word} ${inWords(value)}`);
  return `${Effect} ${inWords(Action)}${said.join('')}`;
}

/** The statements of all policies in a value, whatever their property names. */
function statementsIn(value: unknown): Statement[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    key === 'Statement' && Array.isArray(member) ? (member as Statement[]) : statementsIn(member),
  );
}

/** Properties that open network access or tell a function where its store is. */
function detailsOf({ Type, Properties = {} }: Resource): string[] {
  const details = statementsIn(Properties).map(statementInWords);
  if (Type.startsWith('AWS::EC2::SecurityGroup')) {
    const { Tags: _, ...rules } = Properties;
    details.push(inWords(rules));
  }
  if (Properties.ManagedPolicyArns !== undefined) details.push(`has ${inWords(Properties.ManagedPolicyArns)}`);
  if (Type === 'AWS::Lambda::Function') {
    const { Environment, VpcConfig } = Properties;
    details.push(inWords(Environment), ...(VpcConfig === undefined ? [] : [`in ${inWords(VpcConfig)}`]));
  }
  return details;
}

/** One stack. */
export function inventoryOf(stack: string, template: Template): string {
  const { Resources, Outputs = {} } = template.toJSON() as {
    Resources: Readonly<Record<string, Resource>>;
    Outputs?: Readonly<Record<string, { readonly Export?: { readonly Name: unknown } }>>;
  };
  const resources = Object.entries(Resources).flatMap(([id, resource]) => {
    const { Type, DeletionPolicy, UpdateReplacePolicy } = resource;
    const policies = [DeletionPolicy, UpdateReplacePolicy].filter((policy) => policy !== undefined).join('/');
    return [`${Type} ${id} ${policies}`.trimEnd(), ...detailsOf(resource).map((detail) => `  ${detail}`)];
  });
  const exported = Object.values(Outputs).flatMap(({ Export }) => (Export ? [`export ${inWords(Export.Name)}`] : []));
  return [`# ${stack}`, ...resources, ...exported, ''].join('\n');
}
