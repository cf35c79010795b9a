/** Who calls: a token for a server of one's own, a signature for API Gateway, nobody on this machine. */
import { ConfigurationError } from '../repository/errors.ts';
import { type Authorize, type Credentials, signing } from './aws-signature.ts';
import { type RemoteTarget, regionOfHost } from './remote-target.ts';

export interface Identity {
  /** Sent as bearer token; nothing is signed then. */
  readonly token?: string | undefined;
  /** Region that calls are signed for, where the host name does not say it. */
  readonly region?: string | undefined;
  /** Profile of the AWS configuration files. */
  readonly profile?: string | undefined;
}

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/**
 * The credentials of AWS's standard chain: environment, profile (also with a role, SSO or a `credential_process`), web
 * identity, container, instance. They are kept and renewed before they expire.
 */
function standardCredentials(profile: string | undefined, region: string): Credentials {
  let provider: Promise<Exclude<Credentials, { accessKeyId: string }>> | undefined;
  const load = async () => {
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
    // Whoever names a profile need not be warned that it counts more than the keys of the environment.
    const chosen = profile === undefined ? {} : { profile, logger: silent };
    return defaultProvider({ clientConfig: { region }, ...chosen });
  };
  return async () => {
    provider ??= load();
    return (await provider)();
  };
}

/**
 * How calls to a target are authorized: by the token where there is one, else by a signature, except on this machine
 * where no region was asked for.
 * @param env AWS_REGION and AWS_DEFAULT_REGION are read
 * @throws ConfigurationError where the region is not known
 */
export function authorizationFor(
  { loopback, hostname }: RemoteTarget,
  { token, region: given, profile }: Identity,
  env: NodeJS.ProcessEnv,
): Authorize {
  if (token !== undefined) {
    const headers = { Authorization: `Bearer ${token}` };
    return async () => headers;
  }
  if (loopback && given === undefined) return async () => ({});
  const region = given ?? regionOfHost(hostname) ?? (env.AWS_REGION || env.AWS_DEFAULT_REGION || undefined);
  if (region !== undefined) return signing(standardCredentials(profile, region), region, profile);
  throw new ConfigurationError(
    `The host ${hostname} does not say in which AWS region its API is. Give it with --remote-region or AWS_REGION; for a ` +
      'server with a token, set HFSTORAGE_API_TOKEN.',
  );
}
