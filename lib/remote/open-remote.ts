import { ConfigurationError } from '../repository/errors.ts';
import { ApiClient } from './api-client.ts';
import { authorizationFor, type Identity } from './authorization.ts';
import { HttpRepository } from './http-repository.ts';
import { parseRemote } from './remote-target.ts';
import type { RetryPolicy } from './retry-policy.ts';

export interface RemoteOptions extends Identity {
  /** URL of the API up to `/v1`: `https://abc123.execute-api.eu-west-1.amazonaws.com/prod`. */
  readonly url: string;
  /** API key of a usage plan, sent with every call. It is not a login: a token or a signature is still needed. */
  readonly apiKey?: string | undefined;
  /** Whether the service enforces references (its default): transactions then detect a missing parent before they commit. */
  readonly enforceReferences?: boolean;
  readonly policy?: RetryPolicy;
}

/** A secret from the options, else from the environment. @throws ConfigurationError if it cannot be sent in a header */
function secretOf(given: string | undefined, fromEnv: string | undefined, what: string): string | undefined {
  const secret = given ?? (fromEnv || undefined);
  if (secret === undefined || /^[\x21-\x7e]+$/.test(secret)) return secret;
  throw new ConfigurationError(`The ${what} must consist of visible ASCII characters without spaces.`);
}

/**
 * Opens the API of a service as a repository. The token comes from the options, else from HFSTORAGE_API_TOKEN; without one,
 * calls are signed with AWS credentials of the standard chain, except on this machine. The API key comes from the options,
 * else from HFSTORAGE_API_KEY.
 * @throws ConfigurationError if the URL is unusable or calls to it cannot be signed
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
