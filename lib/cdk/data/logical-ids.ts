import type { CfnResource } from 'aws-cdk-lib';

/**
 * Gives a resource that holds data a logical id that no change of the code around it changes: under another one,
 * CloudFormation would make it anew.
 */
export function pinned<R extends CfnResource>(resource: R, id: string): R {
  resource.overrideLogicalId(id.replace(/^./, (letter) => letter.toUpperCase()));
  return resource;
}
