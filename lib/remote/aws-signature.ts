/** AWS Signature Version 4 over what is sent to API Gateway (`execute-api`). */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { SignatureV4 } from '@smithy/signature-v4';
import { ConfigurationError } from '../repository/errors.ts';
import type { QueryPairs } from './call-path.ts';

export interface SignableRequest {
  readonly method: string;
  readonly host: string;
  /** Percent-encoded as it is sent, without the query. */
  readonly path: string;
  readonly query: QueryPairs;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Adds the headers that say who calls. */
export type Authorize = (request: SignableRequest) => Promise<Readonly<Record<string, string>>>;

type SignerOptions = ConstructorParameters<typeof SignatureV4>[0];
export type Credentials = SignerOptions['credentials'];

/** SHA-256 by Node, in the shape that the signer wants. */
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
    throw new Error('A hash is used once.');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** Values of a query by name, those of a repeated one in a list. */
function bagOf(query: QueryPairs): Record<string, string[]> {
  const bag: Record<string, string[]> = Object.create(null);
  for (const [name, value] of query) bag[name] = [...(bag[name] ?? []), value];
  return bag;
}

const isCredentialProblem = (error: unknown): boolean => (error as Error).name.includes('Credential');

/**
 * Signs calls for API Gateway.
 * @param credentials what provides them is asked for each call, so that it can renew those that expire
 * @param profile where they come from, for messages
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
