/** What every function of the API shares: the deadline, errors as problems, and one line in the log for each call. */
import middy, { type MiddlewareObj } from '@middy/core';
import type { Context } from 'aws-lambda';
import type { Repository } from '../repository/repository.ts';
import { CALL_DEADLINE_MS, withDeadline } from '../service/http/deadline.ts';
import { isFailure, problemAnswer } from '../service/http/problems.ts';
import type { Operation } from '../service/http/routes.ts';
import type { Jobs } from '../service/jobs.ts';
import type { ServiceRequest, ServiceResponse } from '../service/service.ts';
import { type ApiEvent, type ApiResult, toProxyResult, toServiceRequest } from './api-event.ts';
import { loggedError, logger } from './api-log.ts';
import { callMetrics } from './api-metrics.ts';

/** Lambda's context, or what the local server and tests give instead. */
export interface ApiContext extends Partial<Context> {
  /** The repository to use in place of the process's own. */
  readonly repository?: Repository;
  /** The jobs to use in place of those on AWS. */
  readonly jobs?: Jobs;
  /** Time the call may take, where it is not that of the API. */
  readonly deadlineMs?: number;
}

export type ApiHandler = (event: ApiEvent, context: ApiContext) => Promise<ApiResult>;

type Middleware = MiddlewareObj<ApiEvent, ApiResult, Error, Context>;

/** Errors become problems. */
const problems: Middleware = {
  onError: (call) => {
    call.response = toProxyResult(problemAnswer(call.error), call.event.requestContext.requestId);
  },
};

/** One line for each call. The error behind an answer of 5xx is in it, and in no answer. */
function callLog(operation: Operation): Middleware {
  const started = new WeakMap<object, number>();
  const log: NonNullable<Middleware['after']> = (call) => {
    const line = {
      operation,
      request_id: call.event.requestContext.requestId,
      status: call.response?.statusCode,
      duration_ms: Math.round(performance.now() - (started.get(call) ?? performance.now())),
    };
    if (call.error && isFailure(call.error)) logger.error('call failed', { ...line, error: loggedError(call.error) });
    else logger.info('call', line);
  };
  return {
    before: (call) => {
      started.set(call, performance.now());
    },
    after: log,
    onError: log,
  };
}

/** What is left of Lambda's own time when the call must end, for the answer to be written. */
const LAMBDA_MARGIN_MS = 500;

const timeFor = ({ deadlineMs = CALL_DEADLINE_MS, getRemainingTimeInMillis }: ApiContext): number =>
  Math.min(deadlineMs, (getRemainingTimeInMillis?.() ?? Number.POSITIVE_INFINITY) - LAMBDA_MARGIN_MS);

/** A Lambda handler that answers proxy events by `serve`. */
export function answering(
  operation: Operation,
  serve: (request: ServiceRequest, context: ApiContext) => Promise<ServiceResponse>,
): ApiHandler {
  const answer = async (event: ApiEvent, context: ApiContext): Promise<ApiResult> => {
    const { requestId } = event.requestContext;
    const response = await serve(toServiceRequest(event), context);
    for (const failure of response.failures ?? []) {
      logger.error('part of a call failed', { operation, request_id: requestId, error: loggedError(failure) });
    }
    return toProxyResult(response, requestId);
  };
  // Middy's own early timeout would be an error like any other, and so a 500.
  const handler = middy<ApiEvent, ApiResult, Error, Context>({ timeoutEarlyInMillis: 0 })
    .use(callMetrics(operation))
    .use(callLog(operation))
    .use(problems)
    .handler((event: ApiEvent, context: ApiContext) => withDeadline(answer(event, context), timeFor(context)));
  return (event, context) => handler(event, context as Context);
}
