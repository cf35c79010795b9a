/** The API keys of the usage plans of an API, generated like API Gateway's. */
import { createHash } from 'node:crypto';
import type { Stacks } from './stacks.ts';

/** The keys that an API accepts, by their descriptions, such as `Caller operators`. */
export function apiKeysOf(stacks: Stacks, api: { readonly id: string; readonly stage: string }): Map<string, string> {
  const plans = stacks
    .ofType('AWS::ApiGateway::UsagePlan')
    .filter(({ properties }) => {
      const stages = (properties.ApiStages ?? []) as readonly { ApiId: string; Stage: string }[];
      return stages.some(({ ApiId, Stage }) => ApiId === api.id && Stage === api.stage);
    })
    .map(({ ref }) => ref);
  const planned = stacks
    .ofType('AWS::ApiGateway::UsagePlanKey')
    .filter(({ properties }) => properties.KeyType === 'API_KEY' && plans.includes(String(properties.UsagePlanId)))
    .map(({ properties }) => properties.KeyId);
  const keys = stacks
    .ofType('AWS::ApiGateway::ApiKey')
    .filter(({ ref, properties }) => properties.Enabled === true && planned.includes(ref));
  return new Map(
    keys.map(({ ref, properties }) => [
      String(properties.Description),
      createHash('sha256').update(ref).digest('hex').slice(0, 40),
    ]),
  );
}
