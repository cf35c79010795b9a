import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ApiConfig } from '../../config/api.ts';

/** Every method of the API that the policy belongs to. */
const INVOKE = { principals: [new AnyPrincipal()], actions: ['execute-api:Invoke'], resources: ['execute-api:/*'] };

const deny = (conditions: Record<string, unknown>): PolicyStatement =>
  new PolicyStatement({ ...INVOKE, effect: Effect.DENY, conditions });

/**
 * The policy of an API that accepts calls only from some networks or VPC endpoints; undefined if neither is configured.
 * Accepted calls must still be signed if the API requires it.
 */
export function resourcePolicy({
  endpoint,
  vpc_endpoint_ids,
  allowed_networks,
}: ApiConfig): PolicyDocument | undefined {
  const isPrivate = endpoint === 'private';
  if (!isPrivate && allowed_networks.length === 0) return undefined;
  // Behind a VPC endpoint, callers have the addresses of their own network.
  const address = isPrivate ? 'aws:VpcSourceIp' : 'aws:SourceIp';
  return new PolicyDocument({
    statements: [
      new PolicyStatement(INVOKE),
      ...(isPrivate ? [deny({ StringNotEquals: { 'aws:SourceVpce': vpc_endpoint_ids } })] : []),
      ...(allowed_networks.length > 0 ? [deny({ NotIpAddress: { [address]: allowed_networks } })] : []),
    ],
  });
}
