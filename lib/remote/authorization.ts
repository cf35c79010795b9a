/** Authorization of calls: a token for `hfstorage serve`, an AWS signature for API Gateway, none on this machine. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { SignatureV4 } from '@smithy/signature-v4';
import { ConfigurationError } from '../repository/errors.ts';
import type { QueryPairs } from './call-path.ts';
import { type RemoteTarget, regionOfHost } from './remote-target.ts';

export interface SignableRequest {
  readonly method: string;
  readonly host: string;
  /** Percent-encoded as sent, without the query. */
  readonly path: string;
  readonly query: QueryPairs;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Returns the headers that identify the caller. */
export type Authorize = (request: SignableRequest) => Promise<Readonly<Record<string, string>>>;

type SignerOptions = ConstructorParameters<typeof SignatureV4>[0];
type Credentials = SignerOptions['credentials'];

/** Node's SHA-256 with the interface that the signer expects. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): never {
    throw new Error('A hash can be used only once.');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** Query values by name, a list for each. */
function bagOf(query: QueryPairs): Record<string, string[]> {
  const bag: Record<string, string[]> = Object.create(null);
  for (const [name, value] of query) bag[name] = [...(bag[name] ?? []), value];
  return bag;
}

const isCredentialProblem = (error: unknown): boolean => (error as Error).name.includes('Credential');

/**
 * Signs calls for API Gateway.
 * @param credentials a provider is called for each request, so that it can renew credentials that expire
 * @param profile their source, for messages
 */
export function signing(credentials: Credentials, region: string, profile?: string): Authorize {
  let signer: Promise<SignatureV4> | undefined;
  const load = async (): Promise<SignatureV4> => {
    const { SignatureV4 } = await import('@smithy/signature-v4');
    return new SignatureV4({ service: 'execute-api', region, credentials, sha256: Sha256 });
  };
  return async ({ method, host, path, query, headers, body }) => {
    signer ??= load();
    try {
      const signed = await (await signer).sign({
        method,
        protocol: 'https:',
        hostname: host,
        path,
        query: bagOf(query),
        headers: { ...headers, host },
        ...(body !== undefined && { body }),
      });
      return signed.headers;
    } catch (cause) {
      if (!isCredentialProblem(cause)) throw cause;
      const reason = (cause as Error).message.split('\n', 1)[0];
      const from = profile === undefined ? '' : ` from the profile ${JSON.stringify(profile)}`;
      const message =
        `No AWS credentials${from} to sign the call with: ${reason}. Name a profile with --profile or AWS_PROFILE, or set ` +
        'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a server with a token, set HFSTORAGE_API_TOKEN.';
      throw new ConfigurationError(message, { cause });
    }
  };
}

export interface Identity {
  /** Sent as bearer token; calls are then not signed. */
  readonly token?: string | undefined;
  /** Region that calls are signed for, if the host name does not contain it. */
  readonly region?: string | undefined;
  /** Profile of the AWS configuration files. */
  readonly profile?: string | undefined;
}

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/**
 * The credentials of AWS's standard chain: environment, profile (also with a role, SSO or a `credential_process`), web
 * identity, container, instance. They are cached and renewed before they expire.
 */
function standardCredentials(profile: string | undefined, region: string): Credentials {
  let provider: Promise<Exclude<Credentials, { accessKeyId: string }>> | undefined;
  const load = async () => {
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
    // A user who names a profile need not be warned that it takes precedence over the keys of the environment.
    const chosen = profile === undefined ? {} : { profile, logger: silent };
    return defaultProvider({ clientConfig: { region }, ...chosen });
  };
  return async () => {
    provider ??= load();
    return (await provider)();
  };
}

/**
 * How calls to a target are authorized: by the token if there is one, otherwise by a signature, except on this machine
 * unless a region is given.
 * @param env AWS_REGION and AWS_DEFAULT_REGION are read
 * @throws ConfigurationError if the region is unknown
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
    `The host name ${hostname} does not contain the AWS region of the API. Give it with --remote-region or AWS_REGION; for a ` +
      'server with a token, set HFSTORAGE_API_TOKEN.',
  );
}
