import { ConfigurationError } from '../repository/errors.ts';
import { ApiClient } from './api-client.ts';
import { authorizationFor, type Identity } from './authorization.ts';
import { HttpRepository } from './http-repository.ts';
import { parseRemote } from './remote-target.ts';
import type { RetryPolicy } from './retry-policy.ts';

export interface RemoteOptions extends Identity {
  /** Of the API, with what stands before `/v1`: `https://abc123.execute-api.eu-west-1.amazonaws.com/prod`. */
  readonly url: string;
  /** Whether the service enforces references, as is its default: transactions then find a missing parent before they commit. */
  readonly enforceReferences?: boolean;
  readonly policy?: RetryPolicy;
}

/**
 * Opens the API of a service as a repository. The token is that of the options, else HFS_API_TOKEN; without one, calls are
 * signed with AWS credentials of the standard chain, except on this machine.
 * @throws ConfigurationError where the URL cannot be used, or calls cannot be signed for it
 */
export function openRemoteRepository(
  { url, enforceReferences = true, policy, ...identity }: RemoteOptions,
  env: NodeJS.ProcessEnv = process.env,
): HttpRepository {
  const target = parseRemote(url);
  const token = identity.token ?? (env.HFS_API_TOKEN || undefined);
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new ConfigurationError('The token (HFS_API_TOKEN) must be of visible ASCII characters without spaces.');
  }
  const authorize = authorizationFor(target, { ...identity, token }, env);
  const api = new ApiClient(target, authorize, {
    hasToken: token !== undefined,
    ...(policy !== undefined && { policy }),
  });
  return new HttpRepository(api, { enforceReferences });
}
