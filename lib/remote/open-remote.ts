import { ConfigurationError } from '../repository/errors.ts';
import { ApiClient } from './api-client.ts';
import { authorizationFor, type Identity } from './authorization.ts';
import { HttpRepository } from './http-repository.ts';
import { parseRemote } from './remote-target.ts';
import type { RetryPolicy } from './retry-policy.ts';

export interface RemoteOptions extends Identity {
  /** Of the API, with what stands before `/v1`: `https://abc123.execute-api.eu-west-1.amazonaws.com/prod`. */
  readonly url: string;
  /** API key of a usage plan, sent with every call. It is no login: a token or a signature is needed all the same. */
  readonly apiKey?: string | undefined;
  /** Whether the service enforces references, as is its default: transactions then find a missing parent before they commit. */
  readonly enforceReferences?: boolean;
  readonly policy?: RetryPolicy;
}

/** A secret of the options, else of the environment. @throws ConfigurationError where no header can carry it */
function secretOf(given: string | undefined, fromEnv: string | undefined, what: string): string | undefined {
  const secret = given ?? (fromEnv || undefined);
  if (secret === undefined || /^[\x21-\x7e]+$/.test(secret)) return secret;
  throw new ConfigurationError(`The ${what} must be of visible ASCII characters without spaces.`);
}

/**
 * Opens the API of a service as a repository. The token is that of the options, else HFSTORAGE_API_TOKEN; without one, calls are
 * signed with AWS credentials of the standard chain, except on this machine. The API key is that of the options, else
 * HFSTORAGE_API_KEY.
 * @throws ConfigurationError where the URL cannot be used, or calls cannot be signed for it
 */
export function openRemoteRepository(
  { url, apiKey: givenKey, enforceReferences = true, policy, ...identity }: RemoteOptions,
  env: NodeJS.ProcessEnv = process.env,
): HttpRepository {
  const target = parseRemote(url);
  const token = secretOf(identity.token, env.HFSTORAGE_API_TOKEN, 'token (HFSTORAGE_API_TOKEN)');
  const apiKey = secretOf(givenKey, env.HFSTORAGE_API_KEY, 'API key (--api-key-file, HFSTORAGE_API_KEY)');
  const authorize = authorizationFor(target, { ...identity, token }, env);
  const api = new ApiClient(target, authorize, {
    hasToken: token !== undefined,
    apiKey,
    ...(policy !== undefined && { policy }),
  });
  return new HttpRepository(api, { enforceReferences });
}
