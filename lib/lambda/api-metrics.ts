/** Metrics of the API, in CloudWatch's embedded metric format: lines of the log that CloudWatch counts. */

import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { MiddlewareObj } from '@middy/core';
import type { Context } from 'aws-lambda';
import { isFailure, problemOf } from '../service/http/problems.ts';
import type { Operation } from '../service/http/routes.ts';
import type { ApiEvent, ApiResult } from './api-event.ts';

type Middleware = MiddlewareObj<ApiEvent, ApiResult, Error, Context>;

/** Names and namespace come from the POWERTOOLS_* variables of the function. */
let metrics: Metrics | undefined;

/** Elsewhere nobody counts: the lines would be noise in the log of a local server. */
const isLambda = (): boolean => process.env.AWS_LAMBDA_FUNCTION_NAME !== undefined;

const CONFLICTS: ReadonlySet<string> = new Set(['concurrency_conflict', 'entity_exists', 'precondition_failed']);

// What the SDK, DynamoDB's cancellation reasons, S3 and this program's own message call it.
const THROTTLING =
  /Throttl|ProvisionedThroughputExceeded|RequestLimitExceeded|TooManyRequests|SlowDown|no capacity left/;
const MAX_CAUSES = 5;

/** Whether a store refused a call because there were too many. */
function isThrottling(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > MAX_CAUSES) return false;
  return THROTTLING.test(`${error.name} ${error.message}`) || isThrottling(error.cause, depth + 1);
}

/** Counts what an error means, under the dimension `service` alone, and the problem under its code. */
function countProblem(target: Metrics, error: unknown): void {
  const counts: string[] = [];
  const code = problemOf(error).type.split(':').at(-1) as string;
  if (CONFLICTS.has(code)) counts.push('Conflicts');
  if (isFailure(error)) counts.push('Failures');
  if (isThrottling(error)) counts.push('Throttles');
  for (const name of counts) target.addMetric(name, MetricUnit.Count, 1);
  if (counts.length > 0) target.publishStoredMetrics();
  target.addDimension('code', code);
  target.addMetric('Problems', MetricUnit.Count, 1);
  target.publishStoredMetrics();
}

/**
 * Counts each call and its time under the dimensions `service` and `operation`, and what went wrong: `Problems` by `code`;
 * `Conflicts`, `Failures` (of the service itself) and `Throttles` (by the store).
 */
export function callMetrics(operation: Operation): Middleware {
  const started = new WeakMap<object, number>();
  const count: NonNullable<Middleware['after']> = (call) => {
    const start = started.get(call.event);
    if (start === undefined) return;
    metrics ??= new Metrics();
    metrics.addDimension('operation', operation);
    metrics.addMetric('Calls', MetricUnit.Count, 1);
    metrics.addMetric('Duration', MetricUnit.Milliseconds, Math.round(performance.now() - start));
    metrics.publishStoredMetrics();
    if (call.error) countProblem(metrics, call.error);
  };
  return {
    before: ({ event }) => {
      if (isLambda()) started.set(event, performance.now());
    },
    after: count,
    onError: count,
  };
}
