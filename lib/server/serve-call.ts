import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type ApiEvent, type ApiResult, toProxyResult } from '../lambda/api-event.ts';
import { loggedError, logger } from '../lambda/api-log.ts';
import { setOwn } from '../model/json-values.ts';
import type { Repository } from '../repository/repository.ts';
import { isFailure, problemAnswer } from '../service/http/problems.ts';
import type { Jobs } from '../service/jobs.ts';
import { requireAccess } from './access.ts';
import type { AnswerReservation } from './answer-budget.ts';
import { handlers } from './handlers.ts';
import { matchRoute } from './match-route.ts';
import { readBody } from './read-body.ts';
import { parseTarget } from './request-target.ts';

/** The services behind the calls. */
export interface Services {
  readonly repository: Repository;
  /** Without it, calls on jobs are refused. */
  readonly jobs?: Jobs;
}

/** A plain object, as in events, that is safe for any member name. */
function toObject<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const object: Record<string, T> = {};
  for (const [name, value] of entries) setOwn(object, name, value);
  return object;
}

const lastOf = (values: Record<string, string[]>): Record<string, string> =>
  toObject(Object.entries(values).map(([name, list]) => [name, list.at(-1) ?? ''] as const));

async function callHandler(
  request: IncomingMessage,
  services: Services,
  requestId: string,
  reservation: AnswerReservation,
): Promise<ApiResult> {
  const { segments, query } = parseTarget(request.url ?? '');
  const { route, params } = matchRoute(request.method ?? '', segments);
  await reservation.reserve(route);
  const bytes = await readBody(request);
  // API Gateway passes text unchanged and other bytes as Base64.
  const isText = isUtf8(bytes);
  const headers = toObject(
    Object.entries(request.headersDistinct).map(([name, values = []]) => [name, values] as const),
  );
  const parameters = toObject(query);
  const event: ApiEvent = {
    httpMethod: route.method,
    pathParameters: toObject([...params].map(([name, value]) => [name, encodeURIComponent(value)] as const)),
    queryStringParameters: lastOf(parameters),
    multiValueQueryStringParameters: parameters,
    headers: lastOf(headers),
    multiValueHeaders: headers,
    body: bytes.length === 0 ? null : bytes.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
    requestContext: { requestId },
  };
  return handlers[route.operation](event, services);
}

/** The answer to a call: the handler's, or the problem that kept the call from reaching the handler. Never throws. */
export async function serveCall(
  request: IncomingMessage,
  services: Services,
  token: string | undefined,
  reservation: AnswerReservation,
): Promise<ApiResult> {
  const requestId = randomUUID();
  try {
    requireAccess(request, token);
    return await callHandler(request, services, requestId, reservation);
  } catch (error) {
    if (isFailure(error)) logger.error('call failed', { request_id: requestId, error: loggedError(error) });
    return toProxyResult(problemAnswer(error), requestId);
  }
}
