/** The meaning of the keys of `storage.sql_strategy` for a connection to PostgreSQL. */
import { isIP, isIPv4 } from 'node:net';

// Named as in libpq. Its `allow` and `prefer` are missing on purpose.
export const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

export const DEFAULT_PORT = 5432;

const SECRET_ARN = /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+$/;
const HOST_NAME = /^[\w.-]+$/;

/** Whether a host is the folder of a Unix socket, as in libpq. */
export const isSocketFolder = (host: string): boolean => host.startsWith('/');

/** Whether a text can be a host: a name, an address or the folder of a Unix socket. */
export const isHost = (text: string): boolean => isSocketFolder(text) || isIP(text) !== 0 || HOST_NAME.test(text);

const isThisMachine = (host: string): boolean =>
  isSocketFolder(host) ||
  host.toLowerCase() === 'localhost' ||
  host === '::1' ||
  (isIPv4(host) && host.startsWith('127.'));

/** Whether a password is the ARN of a secret in AWS Secrets Manager and not a password itself. */
export const isSecretArn = (password: string | undefined): password is string =>
  password !== undefined && SECRET_ARN.test(password);

interface Encryption {
  readonly host: string;
  readonly sslmode?: SslMode | undefined;
}

/** How a connection is encrypted, including the default: verified unless it stays on this machine. */
export const sslModeOf = ({ host, sslmode }: Encryption): SslMode =>
  sslmode ?? (isThisMachine(host) ? 'disable' : 'verify-full');

/** The TCP port of a server, or the number in the name of its Unix socket. */
export const portOf = ({ port }: { readonly port: number }): number => port || DEFAULT_PORT;
