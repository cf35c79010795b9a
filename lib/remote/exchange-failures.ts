/** Errors for calls that the API did not answer: no answer, or one from API Gateway itself, a proxy or a web server. */

import { getSystemErrorMessage } from 'node:util';
import { isPlainObject } from '../model/json-values.ts';
import { parseJson } from '../model/parse-json.ts';
import { ConfigurationError, type StorageError, StorageUnavailableError } from '../repository/errors.ts';
import { type Answer, NoAnswer, type NotSent } from './http-exchange.ts';
import { RemoteCallError } from './remote-errors.ts';
import { retryAfterMs } from './retry-policy.ts';

const MAX_QUOTED = 300;

/** Statuses by which an intermediary reports that the service did not answer or is overloaded. */
const UNAVAILABLE: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** How a call identifies its caller. */
export interface Identification {
  /** A token, instead of a signature. */
  readonly hasToken: boolean;
  readonly hasKey: boolean;
}

const UNSIGNED = 'HFSTORAGE_API_TOKEN is set, so the call was not signed: unset it to sign with AWS credentials.';

const typeOf = ({ headers }: Answer): string => headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';

/** The JSON object of an answer; undefined if it is not one. */
export function jsonObjectOf(answer: Answer): Record<string, unknown> | undefined {
  if (!/[/+]json$/.test(typeOf(answer))) return undefined;
  try {
    const value = parseJson(answer.text);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** API Gateway's own message: `{"message": …}`, with a capital M in some of its errors. */
function gatewayMessage(answer: Answer): string | undefined {
  const { message, Message = message } = jsonObjectOf(answer) ?? {};
  return typeof Message === 'string' ? Message.slice(0, MAX_QUOTED) : undefined;
}

const denials: readonly [RegExp, string][] = [
  [
    /^Missing Authentication Token$/i,
    'There is nothing at this path. Check the URL: that of a stage ends with its name, such as /prod.',
  ],
  [/not authorized to perform/i, 'An administrator must allow this identity execute-api:Invoke on the API.'],
  [/expired|not yet current|invalid signature date/i, 'Renew the credentials, and check the clock of this machine.'],
  [
    /security token.*invalid|UnrecognizedClient/i,
    'Check which credentials are used: --profile, AWS_PROFILE, AWS_ACCESS_KEY_ID.',
  ],
  [/signature.*(?:match|calculated)/i, 'Check the secret key and the region, and that no proxy changes the call.'],
];

/** API Gateway's message for a missing or wrong API key, and for calls that the firewall blocks. */
const FORBIDDEN = /^Forbidden$/i;

function hintFor(message: string, { hasToken, hasKey }: Identification): string | undefined {
  if (FORBIDDEN.test(message)) {
    const key = hasKey
      ? 'Check the API key (--api-key-file, HFSTORAGE_API_KEY): it may be wrong or belong to another API.'
      : 'The API may require an API key: give it with --api-key-file or HFSTORAGE_API_KEY.';
    return `${key} Otherwise check the host name, and that the resource policy and the firewall of the API allow this caller.`;
  }
  const hint = denials.find(([pattern]) => pattern.test(message))?.[1];
  return hint !== undefined && hasToken ? UNSIGNED : hint;
}

function denied(url: string, status: number, message: string, hint: string): RemoteCallError {
  return new RemoteCallError('access_denied', status, `${url} refused the call (${status}: ${message}). ${hint}`);
}

/** The limit of the API or of a usage plan. The call did not reach the service. */
function throttled(url: string, message: string | undefined, waitMs: number | undefined): StorageUnavailableError {
  // API Gateway's message for an exhausted quota; for the rate it is Too Many Requests.
  const remedy = /^Limit Exceeded$/i.test(message ?? '')
    ? 'Try again when the quota of the usage plan is reset, or have it raised: daily_quota of api.usage_plans.'
    : 'Try again in a while with fewer calls at a time, or have the limit raised: api.throttling, or that of the usage plan.';
  const quoted = message === undefined ? '' : `: ${message}`;
  const wait = waitMs === undefined ? '' : ` and asks to wait ${Math.ceil(waitMs / 1000)} s`;
  return new StorageUnavailableError(`${url} receives too many calls now (429${quoted})${wait}. ${remedy}`);
}

/** The error for a problem that API Gateway itself answers with; undefined if the problem is the service's own. */
export function gatewayProblem(
  url: string,
  { status, headers }: Answer,
  detail: string,
  identification: Identification,
): StorageError | undefined {
  if (status === 429) return throttled(url, detail, retryAfterMs(headers['retry-after']));
  const hint = status === 401 || status === 403 ? hintFor(detail, identification) : undefined;
  return hint === undefined ? undefined : denied(url, status, detail, hint);
}

function redirected(url: string, { status, headers }: Answer): RemoteCallError {
  const to =
    headers.location === undefined ? 'elsewhere' : `to ${headers.location.split('?', 1)[0]?.slice(0, MAX_QUOTED)}`;
  return new RemoteCallError(
    'unexpected_answer',
    status,
    `${url} redirects ${to} (${status}), and calls do not follow redirects. Give the address of the API itself.`,
  );
}

/**
 * The error for an answer that is not the API's.
 * @param identification how the call identified its caller
 */
export function foreignAnswer(url: string, answer: Answer, identification: Identification): StorageError {
  const { status } = answer;
  if (status >= 300 && status < 400) return redirected(url, answer);
  const message = gatewayMessage(answer);
  if (status === 401 || status === 403) {
    const fallback = identification.hasToken ? UNSIGNED : 'Check the credentials and their permissions.';
    return denied(url, status, message ?? 'no reason given', hintFor(message ?? '', identification) ?? fallback);
  }
  if (status === 429) return throttled(url, message, retryAfterMs(answer.headers['retry-after']));
  const quoted = message === undefined ? '' : `: ${message}`;
  if (UNAVAILABLE.has(status)) {
    return new StorageUnavailableError(`${url} cannot answer now (${status}${quoted}). Try again in a while.`);
  }
  const kind =
    message === undefined
      ? `something that is not the API's (${typeOf(answer) || 'no type'}, status ${status})`
      : `${status}${quoted}`;
  return new RemoteCallError(
    'unexpected_answer',
    status,
    `${url} answers with ${kind}. Check the URL: it must be that of the API.`,
  );
}

/** Whether the service may have executed the call before an intermediary answered with this status. */
export const mayBeDone = (status: number): boolean => UNAVAILABLE.has(status);

/** Node names what is wrong with a certificate by codes such as CERT_HAS_EXPIRED or DEPTH_ZERO_SELF_SIGNED_CERT. */
const CERTIFICATE = /CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_TLS_/;

/** The error of the socket; of the first address if a host has several. */
function socketError({ cause }: Error): NodeJS.ErrnoException {
  return (cause instanceof AggregateError ? cause.errors[0] : cause) as NodeJS.ErrnoException;
}

/** Whether a retry may succeed. */
export function worthRetrying(failure: NotSent | NoAnswer): boolean {
  const { code = '' } = socketError(failure);
  return code !== 'ENOTFOUND' && code !== 'EPROTO' && !CERTIFICATE.test(code);
}

/** The error for a service that was not reached or did not answer. */
export function unreachable(url: string, failure: NotSent | NoAnswer): StorageError {
  const { code = '', errno, message } = socketError(failure);
  const { hostname } = new URL(url);
  if (code === 'ENOTFOUND') {
    return new StorageUnavailableError(
      `${url} cannot be reached: the host ${hostname} does not exist. Check the URL.`,
      {
        cause: failure,
      },
    );
  }
  if (CERTIFICATE.test(code)) {
    const remedy = 'Name the file of its certificate authority in NODE_EXTRA_CA_CERTS.';
    return new ConfigurationError(`The certificate of ${hostname} cannot be verified: ${message}. ${remedy}`, {
      cause: failure,
    });
  }
  if (code === 'EPROTO') {
    return new ConfigurationError(`${url} does not speak TLS. Check the URL: https:// or http://, and the port.`, {
      cause: failure,
    });
  }
  const known = failure.message === message && errno !== undefined;
  const reason = known ? getSystemErrorMessage(errno) : failure.message || message;
  return failure instanceof NoAnswer
    ? new StorageUnavailableError(`${url} gave no answer: ${reason}. Try again in a while.`, { cause: failure })
    : new StorageUnavailableError(`${url} cannot be reached: ${reason}. Check the URL, and that the service runs.`, {
        cause: failure,
      });
}
