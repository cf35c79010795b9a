/**
 * The event of a Lambda proxy integration of a REST API, based on the AWS documentation and events recorded on AWS: path
 * parameters stay percent-encoded, query parameters are decoded, empty values are null.
 */
import { ACCOUNT } from './physical-ids.ts';
import type { Match, RestApi } from './rest-api.ts';

export interface GatewayRequest {
  readonly method: string;
  /** Path with the stage, as received. */
  readonly path: string;
  readonly query: string;
  /** Alternating names and values, as received. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly requestId: string;
  readonly caller: { readonly accessKey: string; readonly userArn: string } | undefined;
}

type Values = Record<string, string[]>;

const add = (values: Values, name: string, value: string): void => {
  // A name such as __proto__ is an ordinary one.
  const known = Object.hasOwn(values, name) ? (values[name] as string[]) : [];
  Object.defineProperty(values, name, {
    value: [...known, value],
    enumerable: true,
    configurable: true,
    writable: true,
  });
};

const decode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));

/** @throws URIError if a percent sign does not encode UTF-8 */
function queryOf(query: string): Values {
  const values: Values = {};
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const mark = pair.indexOf('=');
    const [name, value] = mark === -1 ? [pair, ''] : [pair.slice(0, mark), pair.slice(mark + 1)];
    add(values, decode(name), decode(value));
  }
  return values;
}

/** Headers that API Gateway does not pass on. */
const dropped: ReadonlySet<string> = new Set(['content-length', 'connection', 'transfer-encoding']);

function headersOf(raw: readonly string[]): Values {
  const values: Values = {};
  for (let i = 0; i < raw.length; i += 2) {
    const [name, value] = [raw[i] as string, raw[i + 1] as string];
    if (!dropped.has(name.toLowerCase())) add(values, name, value);
  }
  add(values, 'X-Forwarded-For', '127.0.0.1');
  add(values, 'X-Forwarded-Port', '443');
  add(values, 'X-Forwarded-Proto', 'https');
  return values;
}

function lastOf(values: Values): Record<string, string> {
  const single: Record<string, string> = {};
  for (const [name, list] of Object.entries(values)) {
    const value = list.at(-1) as string;
    Object.defineProperty(single, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return single;
}

const orNull = <T extends object>(value: T): T | null => (Object.keys(value).length === 0 ? null : value);

/** @throws URIError if the query cannot be decoded */
export function proxyEvent(
  api: RestApi,
  { resourcePath, resourceId, pathParameters }: Match,
  request: GatewayRequest,
): object {
  const { method, path, query, rawHeaders, body, requestId, caller } = request;
  const parameters = queryOf(query);
  const headers = headersOf(rawHeaders);
  const now = new Date();
  return {
    resource: resourcePath,
    path: path.slice(`/${api.stage}`.length),
    httpMethod: method,
    headers: lastOf(headers),
    multiValueHeaders: headers,
    queryStringParameters: orNull(lastOf(parameters)),
    multiValueQueryStringParameters: orNull(parameters),
    pathParameters: orNull(pathParameters),
    stageVariables: null,
    requestContext: {
      accountId: ACCOUNT,
      apiId: api.id,
      domainName: `${api.id}.execute-api.us-east-1.amazonaws.com`,
      domainPrefix: api.id,
      httpMethod: method,
      identity: {
        accessKey: caller?.accessKey ?? null,
        accountId: caller === undefined ? null : ACCOUNT,
        caller: caller?.accessKey ?? null,
        sourceIp: '127.0.0.1',
        user: caller?.accessKey ?? null,
        userAgent: null,
        userArn: caller?.userArn ?? null,
      },
      path,
      protocol: 'HTTP/1.1',
      requestId,
      requestTime: now.toUTCString(),
      requestTimeEpoch: now.getTime(),
      resourceId,
      resourcePath,
      stage: api.stage,
    },
    // Without binary media types, a REST API treats every body as text.
    body: body.length === 0 ? null : body.toString('utf8'),
    isBase64Encoded: false,
  };
}
