import type { CfnResource } from 'aws-cdk-lib';

/**
 * Gives a resource that holds data a logical id that does not depend on the surrounding code: under another id,
 * CloudFormation would replace it.
 */
export function pinned<R extends CfnResource>(resource: R, id: string): R {
  resource.overrideLogicalId(id.replace(/^./, (letter) => letter.toUpperCase()));
  return resource;
}
