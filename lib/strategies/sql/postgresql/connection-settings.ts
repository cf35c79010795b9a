/** The settings of connections to PostgreSQL: address, login and TLS. */
import type { ConnectionOptions } from 'node:tls';
import { portOf } from '../../../config/postgresql-access.ts';
import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { openCredentials } from './open-credentials.ts';
import { tlsOptions } from './tls.ts';

/** Options of pg's Client. */
export interface ClientSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Called if the server asks for a password. A function also keeps the password out of printed settings. */
  readonly password: () => Promise<string>;
  readonly ssl: false | ConnectionOptions;
}

export interface ConnectionSettings {
  /** For one connection. Read it again for the next: the secret may name another user by then. */
  readonly client: ClientSettings;
  /** Whether a refused password may have been replaced meanwhile: true for a secret or a token. */
  readonly passwordMayChange: boolean;
  /** Forgets a refused password, so that the next connection fetches it again: the secret may have been rotated. */
  forgetPassword(): void;
}

/**
 * The settings of connections to the PostgreSQL server that a configuration names. The server is not contacted; a secret
 * is fetched, so that its problems show here.
 * @throws ConfigurationError (sslrootcert missing or not PEM; a secret missing or of another shape; no AWS credentials),
 *   StorageUnavailableError (AWS not reachable, or too many calls)
 */
export async function connectionSettings(config: SqlStrategyConfig): Promise<ConnectionSettings> {
  const ssl = await tlsOptions(config);
  const credentials = await openCredentials(config);
  return {
    get client() {
      const { user } = credentials;
      return {
        host: config.host,
        port: portOf(config),
        database: config.name,
        user,
        password: () => credentials.password(user),
        ssl,
      };
    },
    passwordMayChange: credentials.passwordMayChange,
    forgetPassword: () => credentials.forget(),
  };
}
