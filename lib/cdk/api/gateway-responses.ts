/** API Gateway's own answers, in the form of the service's problems (RFC 9457). */
import { type GatewayResponseOptions, ResponseType, type RestApi } from 'aws-cdk-lib/aws-apigateway';
import { problemTypes, RETRY_AFTER_SECONDS } from '../../service/http/problem-types.ts';

export const PROBLEM_TYPE = 'application/problem+json';

interface GatewayProblem {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly retry?: true;
}

const known = (code: keyof typeof problemTypes): GatewayProblem => ({ code, ...problemTypes[code] });

const forbidden = known('forbidden');
const tooManyRequests = { ...known('too_many_requests'), retry: true } as const;

const responses: readonly (readonly [type: ResponseType, problem: GatewayProblem])[] = [
  [ResponseType.ACCESS_DENIED, forbidden],
  [ResponseType.WAF_FILTERED, forbidden],
  [ResponseType.INVALID_API_KEY, forbidden],
  [ResponseType.EXPIRED_TOKEN, known('unauthorized')],
  [ResponseType.INVALID_SIGNATURE, known('unauthorized')],
  [ResponseType.MISSING_AUTHENTICATION_TOKEN, known('unauthorized')],
  [ResponseType.UNAUTHORIZED, known('unauthorized')],
  [ResponseType.THROTTLED, tooManyRequests],
  [ResponseType.QUOTA_EXCEEDED, tooManyRequests],
  [ResponseType.BAD_REQUEST_BODY, known('malformed_request')],
  [ResponseType.BAD_REQUEST_PARAMETERS, known('malformed_request')],
  [ResponseType.REQUEST_TOO_LARGE, known('body_too_large')],
  [ResponseType.UNSUPPORTED_MEDIA_TYPE, known('unsupported_media_type')],
  [ResponseType.RESOURCE_NOT_FOUND, known('unknown_path')],
  [ResponseType.INTEGRATION_TIMEOUT, { ...known('deadline_exceeded'), retry: true }],
  // A function that was throttled or did not start: a retry may succeed.
  [
    ResponseType.INTEGRATION_FAILURE,
    { ...known('storage_unavailable'), title: 'The service is not available', retry: true },
  ],
  [ResponseType.API_CONFIGURATION_ERROR, known('internal_error')],
  [ResponseType.AUTHORIZER_FAILURE, known('internal_error')],
  // All others, including functions that crashed or timed out.
  [ResponseType.DEFAULT_4XX, known('malformed_request')],
  [ResponseType.DEFAULT_5XX, known('internal_error')],
];

/** A problem as text, with API Gateway's message as its detail. */
const bodyOf = ({ code, title, status }: GatewayProblem): string =>
  `{"type":"urn:hostfactory:problem:${code}","title":${JSON.stringify(title)},"status":${status},"detail":$context.error.messageString}`;

function optionsOf(type: ResponseType, problem: GatewayProblem): GatewayResponseOptions {
  return {
    type,
    statusCode: `${problem.status}`,
    responseHeaders: {
      'Content-Type': `'${PROBLEM_TYPE}'`,
      'Cache-Control': "'no-store'",
      'X-Request-Id': 'context.requestId',
      ...(problem.retry && { 'Retry-After': `'${RETRY_AFTER_SECONDS}'` }),
    },
    templates: { 'application/json': bodyOf(problem) },
  };
}

/** Turns API Gateway's own answers into problems. */
export function addGatewayResponses(restApi: RestApi): void {
  for (const [type, problem] of responses) {
    restApi.addGatewayResponse(type.responseType, optionsOf(type, problem));
  }
}
