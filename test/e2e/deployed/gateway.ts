/**
 * API Gateway in front of the functions: routes by the templates' own resources and methods, and checks callers, API keys,
 * and what the firewall in front of it would block.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { scopeOf, signatureOf } from '../../remote/signature-check.ts';
import { MAX_PAYLOAD } from './execution-environment.ts';
import { type GatewayAnswer, type GatewayResponseType, gatewayAnswer, mockAnswer } from './gateway-answers.ts';
import { type GatewayRequest, proxyEvent } from './gateway-event.ts';
import type { RolePolicies } from './iam-policies.ts';
import type { LambdaFunction } from './lambda-function.ts';
import { REGION } from './physical-ids.ts';
import type { Match, RestApi } from './rest-api.ts';

/** The callers of the API. */
export interface ApiCaller {
  readonly userArn: string;
  readonly secret: string;
  readonly policies: RolePolicies;
}

export interface GatewayOptions {
  readonly api: RestApi;
  functionOf(arn: string): LambdaFunction;
  callerOf(accessKeyId: string): ApiCaller | undefined;
}

export interface ApiGateway {
  readonly port: number;
  /** Refuses the next calls with these gateway answers, in order. */
  refuseNext(...types: readonly GatewayResponseType[]): void;
  close(): Promise<void>;
}

/** API Gateway: 10 MB. */
const MAX_BODY = 10 * 1024 * 1024;
const FORBIDDEN: GatewayAnswer = {
  status: 403,
  headers: { 'Content-Type': 'application/json' },
  body: '{"message":"Forbidden"}',
};

/** The answer of a function, if it is valid for a proxy integration. */
function proxyAnswer(payload: string): GatewayAnswer | undefined {
  const result = JSON.parse(payload) as Record<string, unknown> | null;
  const known = ['statusCode', 'headers', 'multiValueHeaders', 'body', 'isBase64Encoded'];
  if (result === null || typeof result !== 'object' || !Object.keys(result).every((name) => known.includes(name)))
    return undefined;
  const { statusCode = 200, headers = {}, multiValueHeaders = {}, body = '', isBase64Encoded = false } = result;
  if (!Number.isInteger(statusCode) || typeof body !== 'string' || isBase64Encoded !== false) return undefined;
  return {
    status: statusCode as number,
    headers: { 'Content-Type': 'application/json', ...(headers as object), ...(multiValueHeaders as object) },
    body,
  };
}

export async function startApiGateway({ api, functionOf, callerOf }: GatewayOptions): Promise<ApiGateway> {
  const refusals: GatewayResponseType[] = [];

  /** The caller, or the reason why there is none. */
  function identify(incoming: IncomingMessage, body: Buffer, { method }: Match, path: string) {
    if (method.AuthorizationType !== 'AWS_IAM') return undefined;
    const scope = scopeOf(incoming.headers.authorization);
    if (scope === undefined) return 'MISSING_AUTHENTICATION_TOKEN' as const;
    const caller = callerOf(scope.accessKeyId);
    const { method: verb = '', url: target = '' } = incoming;
    const wire = { method: verb, target, headers: incoming.headers as Record<string, string>, body };
    const isRight = scope.region === REGION && scope.service === 'execute-api' && caller !== undefined;
    if (!isRight || signatureOf(wire, scope, caller.secret) !== scope.signature) return 'INVALID_SIGNATURE' as const;
    const permission = { action: 'execute-api:Invoke', resource: api.methodArn(verb, path) };
    if (!caller.policies.allows(permission)) return 'ACCESS_DENIED' as const;
    return { accessKey: scope.accessKeyId, userArn: caller.userArn };
  }

  async function invoke(match: Match, request: GatewayRequest): Promise<GatewayAnswer> {
    const { requestId } = request;
    const uri = match.method.Integration.Uri ?? '';
    const [, functionArn = ''] = /\/functions\/(.+)\/invocations$/.exec(uri) ?? [];
    if (!api.mayInvoke(functionArn, request.method, match.resourcePath)) {
      return gatewayAnswer(api, 'API_CONFIGURATION_ERROR', requestId);
    }
    const event = proxyEvent(api, match, request);
    if (Buffer.byteLength(JSON.stringify(event)) > MAX_PAYLOAD)
      return gatewayAnswer(api, 'REQUEST_TOO_LARGE', requestId);
    const outcome = await functionOf(functionArn).invoke(event);
    if ('functionError' in outcome) return gatewayAnswer(api, 'DEFAULT_5XX', requestId);
    return proxyAnswer(outcome.payload) ?? gatewayAnswer(api, 'DEFAULT_5XX', requestId);
  }

  async function answerTo(incoming: IncomingMessage): Promise<GatewayAnswer> {
    const { method = '', url = '', headers, rawHeaders } = incoming;
    const requestId = randomUUID();
    const body = await buffer(incoming);
    // The firewall handles a call first.
    const blocked = api.wantsUserAgent && !headers['user-agent'];
    const refusal = blocked ? 'WAF_FILTERED' : refusals.shift();
    if (refusal !== undefined) return gatewayAnswer(api, refusal, requestId);
    if (body.length > MAX_BODY) return gatewayAnswer(api, 'REQUEST_TOO_LARGE', requestId);
    const mark = url.indexOf('?');
    const [path, query] = mark === -1 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
    const [, stage, ...segments] = path.replace(/^\/+/, '/').split('/');
    if (stage !== api.stage) return FORBIDDEN;
    const match = api.match(method, segments.join('/'));
    if (match === undefined) return gatewayAnswer(api, 'MISSING_AUTHENTICATION_TOKEN', requestId);
    const caller = identify(incoming, body, match, `/${segments.join('/')}`);
    if (typeof caller === 'string') return gatewayAnswer(api, caller, requestId);
    const hasKey = [...api.keys.values()].some((key) => key === headers['x-api-key']);
    if (match.method.ApiKeyRequired === true && !hasKey) return gatewayAnswer(api, 'INVALID_API_KEY', requestId);
    if (match.method.Integration.Type === 'MOCK') {
      const mocked = mockAnswer(match.method, headers['content-type'], requestId);
      return mocked ?? gatewayAnswer(api, 'UNSUPPORTED_MEDIA_TYPE', requestId);
    }
    return invoke(match, { method, path, query, rawHeaders, body, requestId, caller });
  }

  function write(incoming: IncomingMessage, answer: ServerResponse, { status, headers, body }: GatewayAnswer): void {
    const bytes = Buffer.from(body);
    const isEmpty = status === 204 || status === 304;
    answer.writeHead(status, { ...headers, ...(!isEmpty && { 'Content-Length': bytes.length }) } as Record<
      string,
      string
    >);
    if (isEmpty || incoming.method === 'HEAD') answer.end();
    else answer.end(bytes);
  }

  const server = createServer((incoming, answer) => {
    answerTo(incoming)
      .then((result) => write(incoming, answer, result))
      .catch((error: Error) => {
        // An error in the fake AWS: reported to the test, which must fail.
        answer.writeHead(599, { 'Content-Type': 'text/plain' }).end(JSON.stringify({ emulator: error.stack }));
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    refuseNext: (...types) => {
      refusals.push(...types);
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
