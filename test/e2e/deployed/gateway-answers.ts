/** API Gateway's own answers: gateway responses and mock integrations, from the templates. */
import type { IntegrationResponse, MethodProperties, RestApi } from './rest-api.ts';

export interface GatewayAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string;
}

/** Default status and message of API Gateway's own answers. */
const defaults = {
  MISSING_AUTHENTICATION_TOKEN: [403, 'Missing Authentication Token'],
  INVALID_SIGNATURE: [403, 'The request signature we calculated does not match the signature you provided.'],
  ACCESS_DENIED: [403, 'User is not authorized to access this resource'],
  INVALID_API_KEY: [403, 'Forbidden'],
  WAF_FILTERED: [403, 'Forbidden'],
  THROTTLED: [429, 'Too Many Requests'],
  QUOTA_EXCEEDED: [429, 'Limit Exceeded'],
  REQUEST_TOO_LARGE: [413, 'Request Too Long'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'Unsupported Media Type'],
  INTEGRATION_FAILURE: [504, 'Network error communicating with endpoint'],
  INTEGRATION_TIMEOUT: [504, 'Endpoint request timed out'],
  API_CONFIGURATION_ERROR: [500, 'Internal server error'],
  DEFAULT_5XX: [502, 'Internal server error'],
} as const satisfies Record<string, readonly [number, string]>;

export type GatewayResponseType = keyof typeof defaults;

/** The value of a mapping: quoted text, or a property of the call. */
function mapped(value: string, requestId: string): string {
  const [, literal] = /^'(.*)'$/.exec(value) ?? [];
  if (literal !== undefined) return literal;
  if (value === 'context.requestId') return requestId;
  throw new TypeError(`The mapping ${value} is unknown: add it to gateway-answers.ts.`);
}

const headerNames = (parameters: Readonly<Record<string, string>> = {}, prefix: string, requestId: string) =>
  Object.fromEntries(
    Object.entries(parameters)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), mapped(value, requestId)]),
  );

/** An answer that replaces an integration's. */
export function gatewayAnswer(api: RestApi, type: GatewayResponseType, requestId: string): GatewayAnswer {
  const [status, message] = defaults[type];
  const declared = api.gatewayResponse(type) ?? api.gatewayResponse(status < 500 ? 'DEFAULT_4XX' : 'DEFAULT_5XX');
  const template = declared?.ResponseTemplates?.['application/json'] ?? '{"message":$context.error.messageString}';
  return {
    status: Number(declared?.StatusCode ?? status),
    headers: {
      'Content-Type': 'application/json',
      ...headerNames(declared?.ResponseParameters, 'gatewayresponse.header.', requestId),
    },
    body: template.replaceAll('$context.error.messageString', () => JSON.stringify(message)),
  };
}

/** The answer of a mock integration; undefined if it does not accept the body. */
export function mockAnswer(
  { Integration }: MethodProperties,
  contentType: string | undefined,
  requestId: string,
): GatewayAnswer | undefined {
  const { RequestTemplates = {}, IntegrationResponses = [], PassthroughBehavior } = Integration;
  // API Gateway treats a call without a Content-Type as JSON.
  const template = RequestTemplates[contentType?.split(';')[0]?.trim() || 'application/json'];
  if (template === undefined && PassthroughBehavior === 'NEVER') return undefined;
  const { statusCode } = JSON.parse(template ?? '{"statusCode":200}') as { statusCode: number };
  const response = IntegrationResponses.find(({ StatusCode }) => StatusCode === `${statusCode}`) as IntegrationResponse;
  return {
    status: statusCode,
    headers: headerNames(response.ResponseParameters, 'method.response.header.', requestId),
    body: response.ResponseTemplates?.['application/json'] ?? '',
  };
}
