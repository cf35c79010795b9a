import { ConfigurationError } from '../repository/errors.ts';
import { isLoopback } from '../service/http/loopback.ts';

/** The address of the API. */
export interface RemoteTarget {
  /** As shown in messages: without a trailing slash. */
  readonly url: string;
  readonly secure: boolean;
  readonly hostname: string;
  /** As in the `Host` header: with the port unless it is the default. */
  readonly host: string;
  readonly port: number;
  /** The path before `/v1`, such as `/prod` for a stage of API Gateway; empty if there is none. */
  readonly basePath: string;
  readonly loopback: boolean;
}

const unusable = (url: string, problem: string): ConfigurationError =>
  new ConfigurationError(`The remote ${JSON.stringify(url)} ${problem}`);

function parse(url: string): URL {
  try {
    return new URL(url);
  } catch (cause) {
    const message = `The remote ${JSON.stringify(url)} is not a URL. Give one such as https://abc123.execute-api.eu-west-1.amazonaws.com/prod.`;
    throw new ConfigurationError(message, { cause });
  }
}

/**
 * Parses the URL of an API.
 * @param url including the part before `/v1` in its paths, such as a stage
 * @throws ConfigurationError if it is unusable or would send data unencrypted over a network
 */
export function parseRemote(url: string): RemoteTarget {
  const { protocol, hostname, host, port, pathname, username, password, search, hash } = parse(url);
  const secure = protocol === 'https:';
  if (!secure && protocol !== 'http:') throw unusable(url, 'must begin with https:// (or http:// on this machine).');
  if (username !== '' || password !== '') {
    throw unusable(
      `${protocol}//${host}`,
      'must not carry a user or password. Set HFSTORAGE_API_TOKEN for a server with a token.',
    );
  }
  if (search !== '' || hash !== '') throw unusable(url, 'must end with its path: remove everything from ? or # on.');
  const loopback = isLoopback(hostname);
  if (!secure && !loopback) {
    throw unusable(url, 'would send everything unencrypted. Use https://; http:// is for this machine only.');
  }
  const basePath = pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  return {
    url: `${protocol}//${host}${basePath}`,
    secure,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    host,
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    basePath,
    loopback,
  };
}

// Also private endpoints, vpce-….execute-api.eu-west-1.vpce.amazonaws.com, and China.
const API_GATEWAY_HOST = /\.execute-api(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)$/;

/** The region in the host name of an API of API Gateway; undefined for another host, such as a custom domain. */
export const regionOfHost = (hostname: string): string | undefined => API_GATEWAY_HOST.exec(hostname)?.[1];
