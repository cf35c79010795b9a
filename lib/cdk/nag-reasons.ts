import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** A template value in cdk-nag's notation: `<Name.Arn>/*`. */
function nagNotation(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[name, content] = ['', undefined]] = Object.entries(value ?? {}) as [string, unknown][];
  switch (name) {
    case 'Ref':
      return `<${content}>`;
    case 'Fn::ImportValue':
      return nagNotation(content);
    case 'Fn::GetAtt':
      return `<${(content as string[]).join('.')}>`;
    case 'Fn::Join': {
      const [delimiter, parts] = content as [string, unknown[]];
      return parts.map(nagNotation).join(delimiter);
    }
    default:
      return JSON.stringify(value);
  }
}

/** States why a rule of AwsSolutions does not apply to a construct. */
export function explain(construct: IConstruct, rule: string, reason: string): void {
  Validations.of(construct).acknowledge({ id: `AwsSolutions-${rule}`, reason });
}

/** States why a policy in a construct has a wildcard resource. */
export function acknowledgeWildcard(construct: IConstruct, resource: string, reason: string): void {
  explain(construct, `IAM5[Resource::${nagNotation(Stack.of(construct).resolve(resource))}]`, reason);
}
