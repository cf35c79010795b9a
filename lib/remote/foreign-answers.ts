/** Sentences about answers that the API did not give: API Gateway's own, a proxy's, a web server's. */
import { isPlainObject } from '../model/json-values.ts';
import { parseJson } from '../model/parse-json.ts';
import { type StorageError, StorageUnavailableError } from '../repository/errors.ts';
import type { Answer } from './http-exchange.ts';
import { RemoteCallError } from './remote-errors.ts';
import { retryAfterMs } from './retry-policy.ts';

const MAX_QUOTED = 300;

/** Statuses with which something on the way says that the service did not answer, or has no room. */
const UNAVAILABLE: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** What a call carries to say who makes it. */
export interface Carried {
  /** A token, instead of a signature. */
  readonly hasToken: boolean;
  readonly hasKey: boolean;
}

const UNSIGNED = 'HFSTORAGE_API_TOKEN is set, so the call was not signed: unset it to sign with AWS credentials.';

const typeOf = ({ headers }: Answer): string => headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';

/** The JSON object of an answer; undefined where it is none. */
export function jsonObjectOf(answer: Answer): Record<string, unknown> | undefined {
  if (!/[/+]json$/.test(typeOf(answer))) return undefined;
  try {
    const value = parseJson(answer.text);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What API Gateway says: `{"message": …}`, with a capital M in some of its errors. */
function gatewayMessage(answer: Answer): string | undefined {
  const { message, Message = message } = jsonObjectOf(answer) ?? {};
  return typeof Message === 'string' ? Message.slice(0, MAX_QUOTED) : undefined;
}

const denials: readonly [RegExp, string][] = [
  [
    /^Missing Authentication Token$/i,
    'There is nothing at this path. Check the URL: the one of a stage ends with its name, such as /prod.',
  ],
  [/not authorized to perform/i, 'An administrator must allow this identity execute-api:Invoke on the API.'],
  [/expired|not yet current|invalid signature date/i, 'Renew the credentials, and check the clock of this machine.'],
  [
    /security token.*invalid|UnrecognizedClient/i,
    'Check which credentials are used: --profile, AWS_PROFILE, AWS_ACCESS_KEY_ID.',
  ],
  [/signature.*(?:match|calculated)/i, 'Check the secret key and the region, and that no proxy changes the call.'],
];

/** What API Gateway says of a missing or wrong API key, and of what the firewall blocks. */
const FORBIDDEN = /^Forbidden$/i;

function hintFor(message: string, { hasToken, hasKey }: Carried): string | undefined {
  if (FORBIDDEN.test(message)) {
    const key = hasKey
      ? 'Check the API key (--api-key-file, HFSTORAGE_API_KEY): it may be wrong, or that of another API.'
      : 'The API may want an API key: give it with --api-key-file or HFSTORAGE_API_KEY.';
    return `${key} Else check the host name, and that the resource policy and the firewall of the API let this caller in.`;
  }
  const hint = denials.find(([pattern]) => pattern.test(message))?.[1];
  return hint !== undefined && hasToken ? UNSIGNED : hint;
}

function denied(url: string, status: number, message: string, hint: string): RemoteCallError {
  return new RemoteCallError('access_denied', status, `${url} refused the call (${status}: ${message}). ${hint}`);
}

/** Of the API or a usage plan. The service did not get the call. */
function throttled(url: string, message: string | undefined, waitMs: number | undefined): StorageUnavailableError {
  // So API Gateway says that a quota is used up; of the rate it says Too Many Requests.
  const remedy = /^Limit Exceeded$/i.test(message ?? '')
    ? 'Try again when the quota of the usage plan begins anew, or have it raised: daily_quota of api.usage_plans.'
    : 'Try again in a while with fewer calls at a time, or have the limit raised: api.throttling, or that of the usage plan.';
  const said = message === undefined ? '' : `: ${message}`;
  const wait = waitMs === undefined ? '' : ` and asks to wait ${Math.ceil(waitMs / 1000)} s`;
  return new StorageUnavailableError(`${url} has too many calls now (429${said})${wait}. ${remedy}`);
}

/** The error of an answer that API Gateway gives in the form of a problem; undefined where it is the service's own. */
export function gatewayProblem(
  url: string,
  { status, headers }: Answer,
  detail: string,
  carried: Carried,
): StorageError | undefined {
  if (status === 429) return throttled(url, detail, retryAfterMs(headers['retry-after']));
  const hint = status === 401 || status === 403 ? hintFor(detail, carried) : undefined;
  return hint === undefined ? undefined : denied(url, status, detail, hint);
}

function redirected(url: string, { status, headers }: Answer): RemoteCallError {
  const to =
    headers.location === undefined ? 'elsewhere' : `to ${headers.location.split('?', 1)[0]?.slice(0, MAX_QUOTED)}`;
  return new RemoteCallError(
    'unexpected_answer',
    status,
    `${url} redirects ${to} (${status}), and calls are not sent on to other addresses. Give the address of the API itself.`,
  );
}

/**
 * The error of an answer that is not the API's.
 * @param carried what the call carried to say who makes it
 */
export function foreignAnswer(url: string, answer: Answer, carried: Carried): StorageError {
  const { status } = answer;
  if (status >= 300 && status < 400) return redirected(url, answer);
  const message = gatewayMessage(answer);
  if (status === 401 || status === 403) {
    const otherwise = carried.hasToken ? UNSIGNED : 'Check the credentials and what they may do.';
    return denied(url, status, message ?? 'no reason given', hintFor(message ?? '', carried) ?? otherwise);
  }
  if (status === 429) return throttled(url, message, retryAfterMs(answer.headers['retry-after']));
  const said = message === undefined ? '' : `: ${message}`;
  if (UNAVAILABLE.has(status)) {
    return new StorageUnavailableError(`${url} cannot answer now (${status}${said}). Try again in a while.`);
  }
  const kind =
    message === undefined
      ? `what is not the API's (${typeOf(answer) || 'no type'}, status ${status})`
      : `${status}${said}`;
  return new RemoteCallError(
    'unexpected_answer',
    status,
    `${url} answers with ${kind}. Check the URL: it must be the API's.`,
  );
}

/** Whether the service may have done what it was asked before something answered so. */
export const mayBeDone = (status: number): boolean => UNAVAILABLE.has(status);
