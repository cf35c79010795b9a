/** Grants in the templates that no test call uses, with the reasons why they exist. */
import type { DeployedApp } from './deployed-app.ts';
import { fits, type Grant, policiesOf } from './iam-policies.ts';

/** A grant of a function, by its logical id. */
export type FunctionGrant = readonly [functionId: string, grant: Grant];

interface Explanation {
  /** Functions, by a part of their logical id; all if left out. */
  readonly functions?: string;
  readonly action: string;
  /** A part of the resource; any if left out. */
  readonly resource?: string;
  readonly reason: string;
}

const explanations: readonly Explanation[] = [
  { action: 'logs:*', reason: 'Lambda itself writes the log with the role of the function.' },
  { action: 'xray:*', reason: 'Lambda itself sends traces with the role of the function.' },
  { action: 'ec2:*', reason: 'Lambda itself attaches the function to its subnets; the code is denied these actions.' },
  {
    action: 'dynamodb:DeleteItem',
    functions: 'provisionrequest',
    reason: 'Takes back what met a request of another body, in the midst of more than 100 writes.',
  },
  {
    action: 'dynamodb:UpdateItem',
    functions: 'provisionrequest',
    resource: 'machines',
    reason: 'Marks machines of an attempt that was interrupted.',
  },
  {
    action: 'kms:GenerateDataKey',
    reason: 'AWS names it for the use of a key by way of DynamoDB; only S3 is known to ask for it at each write.',
  },
  {
    action: 'kms:DescribeKey',
    reason: 'Named by AWS for the use of a key by way of a service; the services ask as they need.',
  },
  {
    action: 'kms:Encrypt',
    reason: 'Named by AWS for the use of a key by way of a service; the services ask as they need.',
  },
  {
    action: 'kms:ReEncrypt*',
    reason: 'Named by AWS for the use of a key by way of a service; the services ask as they need.',
  },
];

/** Grants of the selected functions that no call has used so far. */
export function unusedGrants({ stacks, aws }: DeployedApp, isMeant: (functionId: string) => boolean): FunctionGrant[] {
  const functions = stacks.ofType('AWS::Lambda::Function').filter(({ logicalId }) => isMeant(logicalId));
  return functions.flatMap((resource) => {
    const used = aws.used.filter(({ caller, allowed }) => allowed && caller === resource.logicalId);
    return policiesOf(stacks, stacks.find(resource.properties.Role))
      .grants.filter(
        (grant) =>
          !used.some(({ action, resource: on }) => fits(grant.action, action, 'i') && fits(grant.resource, on)),
      )
      .map((grant) => [resource.logicalId, grant] as const);
  });
}

/** Why a grant of a function may be unused; undefined if there is no reason. */
export const explanationOf = (functionId: string, { action, resource }: Grant): string | undefined =>
  explanations.find(
    (each) =>
      fits(each.action, action) &&
      functionId.toLowerCase().includes(each.functions ?? '') &&
      resource.includes(each.resource ?? ''),
  )?.reason;

/** Obsolete explanations, which match none of these grants. */
export const leftOver = (grants: readonly FunctionGrant[]): string[] =>
  explanations
    .filter((each) => !grants.some(([functionId, grant]) => explanationOf(functionId, grant) === each.reason))
    .map(({ action, functions = '' }) => `${functions} ${action}`);
