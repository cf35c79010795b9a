import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** A value of a template in the words of cdk-nag: `<Name.Arn>/*`. */
function inWords(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[name, content] = ['', undefined]] = Object.entries(value ?? {}) as [string, unknown][];
  switch (name) {
    case 'Ref':
      return `<${content}>`;
    case 'Fn::ImportValue':
      return inWords(content);
    case 'Fn::GetAtt':
      return `<${(content as string[]).join('.')}>`;
    case 'Fn::Join': {
      const [delimiter, parts] = content as [string, unknown[]];
      return parts.map(inWords).join(delimiter);
    }
    default:
      return JSON.stringify(value);
  }
}

/** Says why a rule of AwsSolutions does not apply to a construct. */
export function explain(construct: IConstruct, rule: string, reason: string): void {
  Validations.of(construct).acknowledge({ id: `AwsSolutions-${rule}`, reason });
}

/** Says why a policy in a construct has a resource with a wildcard. */
export function acknowledgeWildcard(construct: IConstruct, resource: string, reason: string): void {
  explain(construct, `IAM5[Resource::${inWords(Stack.of(construct).resolve(resource))}]`, reason);
}
