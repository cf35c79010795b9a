/** Sentences about answers that the API did not give: API Gateway's own, a proxy's, a web server's. */

import { isPlainObject } from '../model/json-values.ts';
import { parseJson } from '../model/parse-json.ts';
import { type StorageError, StorageUnavailableError } from '../repository/errors.ts';
import type { Answer } from './http-exchange.ts';
import { RemoteCallError } from './remote-errors.ts';

const MAX_QUOTED = 300;

/** Statuses with which something on the way says that the service did not answer, or has no room. */
const UNAVAILABLE: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

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
  [
    /^Forbidden$/i,
    'Check the host name, and that the resource policy, the firewall or the API key of the API lets this caller in.',
  ],
];

function denied(url: string, status: number, message: string, hasToken: boolean): RemoteCallError {
  const hint = hasToken
    ? 'HFS_API_TOKEN is set, so the call was not signed: unset it to sign with AWS credentials.'
    : (denials.find(([pattern]) => pattern.test(message))?.[1] ?? 'Check the credentials and what they may do.');
  return new RemoteCallError('access_denied', status, `${url} refused the call (${status}: ${message}). ${hint}`);
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
 * @param hasToken whether the call carried a token instead of a signature
 */
export function foreignAnswer(url: string, answer: Answer, hasToken: boolean): StorageError {
  const { status } = answer;
  if (status >= 300 && status < 400) return redirected(url, answer);
  const message = gatewayMessage(answer);
  if (status === 401 || status === 403) return denied(url, status, message ?? 'no reason given', hasToken);
  const said = message === undefined ? '' : `: ${message}`;
  if (UNAVAILABLE.has(status)) {
    const what = status === 429 ? 'has too many calls' : 'cannot answer';
    return new StorageUnavailableError(`${url} ${what} now (${status}${said}). Try again in a while.`);
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
export const mayBeDone = (status: number): boolean => UNAVAILABLE.has(status) && status !== 429;
