/** API Gateway's proxy events and the service's plain types, one into the other. */
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { answerText } from '../service/http/answer-size.ts';
import { parseBody } from '../service/http/request-body.ts';
import type { ServiceRequest, ServiceResponse } from '../service/service.ts';

/** What of a proxy event (REST API, Lambda proxy integration) is used. */
export type ApiEvent = Pick<
  APIGatewayProxyEvent,
  | 'httpMethod'
  | 'pathParameters'
  | 'queryStringParameters'
  | 'multiValueQueryStringParameters'
  | 'headers'
  | 'multiValueHeaders'
  | 'body'
  | 'isBase64Encoded'
> & { readonly requestContext: Pick<APIGatewayProxyEvent['requestContext'], 'requestId'> };

export type ApiResult = Omit<APIGatewayProxyResult, 'headers'> & { headers: Record<string, string> };

type Single = Readonly<Record<string, string | undefined>> | null | undefined;
type Multiple = Readonly<Record<string, readonly string[] | undefined>> | null | undefined;

/** Values by name. Test invocations may leave out the form with several values. */
function valuesOf(multiple: Multiple, single: Single, nameOf = (name: string) => name): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [sent, given] of Object.entries(multiple ?? single ?? {})) {
    const name = nameOf(sent);
    if (given !== undefined) values.set(name, [...(values.get(name) ?? []), ...[given].flat()]);
  }
  return values;
}

/** REST APIs hand path parameters over as they were sent: percent-encoded. */
function decoded(parameter: string): string {
  try {
    return decodeURIComponent(parameter);
  } catch {
    return parameter;
  }
}

const bodyMethods: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * The service's view of an event.
 * @throws RequestError where the body cannot be read
 */
export function toServiceRequest(event: ApiEvent): ServiceRequest {
  const headers = valuesOf(event.multiValueHeaders, event.headers, (name) => name.toLowerCase());
  const params = new Map<string, string>();
  for (const [name, value] of Object.entries(event.pathParameters ?? {})) {
    if (value !== undefined) params.set(name, decoded(value));
  }
  const raw = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64') : (event.body ?? '');
  return {
    params,
    query: valuesOf(event.multiValueQueryStringParameters, event.queryStringParameters),
    headers,
    body: bodyMethods.has(event.httpMethod) ? parseBody(raw, headers) : undefined,
  };
}

/** Headers of every answer: what is stored is nobody else's, and is never guessed to be anything but what it says. */
const standardHeaders = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };

/**
 * The proxy result of an answer.
 * @throws RequestError where the answer is too large
 */
export function toProxyResult(response: ServiceResponse, requestId: string): ApiResult {
  return {
    statusCode: response.status,
    headers: { ...standardHeaders, 'X-Request-Id': requestId, ...response.headers },
    body: answerText(response) ?? '',
  };
}
