/** Stacks as CloudFormation would deploy them: every resource with its properties resolved. */
import type { StackTemplate, Template } from './assembly.ts';
import { resolve, type Scope } from './intrinsics.ts';
import { ACCOUNT, arnOf, attributeOf, type Identified, PARTITION, REGION, refOf } from './physical-ids.ts';

export interface Resource extends Identified {
  /** The result of `Ref`. */
  readonly ref: string;
  readonly arn: string;
}

/** All resources of an app. */
export class Stacks {
  readonly resources: readonly Resource[];
  readonly #assets = new Map<string, string>();

  /** @param suffix distinguishes this deployment from others of the same templates, if names must differ */
  constructor(stacks: readonly StackTemplate[], suffix: string) {
    const exports = new Map<string, unknown>();
    this.resources = stacks.flatMap((stack) => {
      for (const [key, folder] of stack.assets) this.#assets.set(key, folder);
      return deploy(stack, exports, suffix);
    });
  }

  ofType(type: string): Resource[] {
    return this.resources.filter((resource) => resource.type === type);
  }

  /** The resource with this Ref or ARN. @throws Error if there is none */
  find(refOrArn: unknown): Resource {
    const found = this.resources.find(({ ref, arn }) => ref === refOrArn || arn === refOrArn);
    if (found === undefined) throw new Error(`No resource of the templates is ${String(refOrArn)}.`);
    return found;
  }

  /** The folder of an asset. @throws Error if the assembly has none */
  asset(key: unknown): string {
    const folder = this.#assets.get(String(key));
    if (folder === undefined) throw new Error(`The assembly has no asset ${String(key)}.`);
    return folder;
  }
}

function deploy({ name, template }: StackTemplate, exports: Map<string, unknown>, suffix: string): Resource[] {
  const scope = scopeOf(name, template, exports, suffix);
  for (const { Value, Export } of Object.values(template.Outputs ?? {})) {
    if (Export !== undefined) exports.set(String(resolve(Export.Name, scope)), resolve(Value, scope));
  }
  return Object.entries(template.Resources)
    .filter(([, { Condition }]) => Condition === undefined || scope.condition(Condition))
    .map(([logicalId, { Type, Properties = {} }]) => {
      const properties = resolve(Properties, scope) as Record<string, unknown>;
      const identified: Identified = { stack: name, logicalId, type: Type, properties, suffix };
      return { ...identified, ref: refOf(identified), arn: arnOf(identified) };
    });
}

function scopeOf(stack: string, template: Template, exports: ReadonlyMap<string, unknown>, suffix: string): Scope {
  const pseudo: Readonly<Record<string, unknown>> = {
    'AWS::AccountId': ACCOUNT,
    'AWS::Partition': PARTITION,
    'AWS::Region': REGION,
    'AWS::StackName': stack,
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackId': `arn:${PARTITION}:cloudformation:${REGION}:${ACCOUNT}:stack/${stack}/${suffix}`,
    'AWS::NotificationARNs': [],
  };
  const identified = (logicalId: string): Identified => {
    const resource = template.Resources[logicalId];
    if (resource === undefined) throw new Error(`${stack} has no resource ${logicalId}.`);
    return { stack, logicalId, type: resource.Type, properties: resource.Properties ?? {}, suffix };
  };
  const scope: Scope = {
    ref: (name) => {
      if (Object.hasOwn(pseudo, name)) return pseudo[name];
      const parameter = template.Parameters?.[name];
      return parameter === undefined ? refOf(identified(name)) : (parameter.Default ?? '');
    },
    attribute: (logicalId, attribute) => attributeOf(identified(logicalId), attribute),
    importValue: (name) => {
      if (!exports.has(name)) throw new Error(`No stack before ${stack} exports ${name}.`);
      return exports.get(name);
    },
    condition: (name) => resolve(template.Conditions?.[name], scope) === true,
    findInMap: (map, first, second) => template.Mappings?.[map]?.[first]?.[second],
  };
  return scope;
}
