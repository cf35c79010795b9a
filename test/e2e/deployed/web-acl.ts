/** The rules of AWS WAF that could block calls of this program. */
import type { Stacks } from './stacks.ts';

interface Rule {
  readonly Statement: {
    readonly ManagedRuleGroupStatement?: {
      readonly Name: string;
      readonly RuleActionOverrides?: readonly { readonly Name: string }[];
      readonly ExcludedRules?: readonly { readonly Name: string }[];
    };
  };
}

/** Whether calls without a User-Agent are blocked: by NoUserAgent_HEADER of AWS's common rules. */
export function wantsUserAgent(stacks: Stacks, api: { readonly id: string; readonly stage: string }): boolean {
  const stage = `/restapis/${api.id}/stages/${api.stage}`;
  const associated = stacks
    .ofType('AWS::WAFv2::WebACLAssociation')
    .some(({ properties }) => String(properties.ResourceArn).endsWith(stage));
  const rules = stacks.ofType('AWS::WAFv2::WebACL').flatMap(({ properties }) => properties.Rules as readonly Rule[]);
  const groups = rules.map(({ Statement }) => Statement.ManagedRuleGroupStatement);
  const common = groups.find((group) => group?.Name === 'AWSManagedRulesCommonRuleSet');
  const changed = [...(common?.RuleActionOverrides ?? []), ...(common?.ExcludedRules ?? [])];
  return associated && common !== undefined && !changed.some(({ Name }) => Name === 'NoUserAgent_HEADER');
}
