import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';

interface ManagedRules {
  readonly name: string;
  /** Rules that count instead of blocking. */
  readonly counted?: readonly string[];
}

const GROUPS: readonly ManagedRules[] = [
  { name: 'AWSManagedRulesAmazonIpReputationList' },
  // The rule blocks bodies above 8 KB, and batches have megabytes.
  { name: 'AWSManagedRulesCommonRuleSet', counted: ['SizeRestrictions_BODY'] },
  { name: 'AWSManagedRulesKnownBadInputsRuleSet' },
];

const visible = (metricName: string) => ({
  cloudWatchMetricsEnabled: true,
  sampledRequestsEnabled: false,
  metricName,
});

/** Puts AWS WAF with AWS's managed rules in front of the API. Request samples, which may contain bodies, are not kept. */
export function addWebAcl(restApi: RestApi): void {
  const acl = new CfnWebACL(restApi, 'WebAcl', {
    scope: 'REGIONAL',
    defaultAction: { allow: {} },
    visibilityConfig: visible('WebAcl'),
    rules: GROUPS.map(({ name, counted = [] }, priority) => ({
      name,
      priority,
      overrideAction: { none: {} },
      visibilityConfig: visible(name),
      statement: {
        managedRuleGroupStatement: {
          vendorName: 'AWS',
          name,
          ...(counted.length > 0 && {
            ruleActionOverrides: counted.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
          }),
        },
      },
    })),
  });
  new CfnWebACLAssociation(restApi, 'WebAclAssociation', {
    webAclArn: acl.attrArn,
    resourceArn: restApi.deploymentStage.stageArn,
  });
}
