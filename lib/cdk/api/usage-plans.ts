import { ApiKey, type IRestApi, Period, type RestApi, UsagePlan } from 'aws-cdk-lib/aws-apigateway';
import type { ApiConfig } from '../../config/api.ts';

/** Gives each caller its own API key and limits. The key is not a login: it only distinguishes callers. */
export function addUsagePlans(restApi: RestApi, plans: ApiConfig['usage_plans']): void {
  for (const { caller, rate, burst, daily_quota } of plans) {
    const key = new ApiKey(restApi, `Key-${caller}`, { description: `Caller ${caller}` });
    const plan = new UsagePlan(restApi, `Plan-${caller}`, {
      description: `Caller ${caller}`,
      throttle: { rateLimit: rate, burstLimit: burst },
      ...(daily_quota !== undefined && { quota: { limit: daily_quota, period: Period.DAY } }),
      // CDK's classes and interfaces differ under exactOptionalPropertyTypes.
      apiStages: [{ api: restApi as IRestApi, stage: restApi.deploymentStage }],
    });
    plan.addApiKey(key);
  }
}
