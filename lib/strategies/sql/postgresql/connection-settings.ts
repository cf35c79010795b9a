/** What a connection to PostgreSQL needs: where, who, and how it is made secure. */
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
  /** Called where the server asks for a password. A function also keeps the password out of what is printed. */
  readonly password: () => Promise<string>;
  readonly ssl: false | ConnectionOptions;
}

export interface ConnectionSettings {
  /** For one connection. Read it anew for the next: a secret may have changed to another user meanwhile. */
  readonly client: ClientSettings;
  /** Whether a refused password may have been replaced meanwhile: a secret or a token. */
  readonly passwordMayChange: boolean;
  /** Forgets a password that was refused, so that the next connection fetches it anew: a secret was rotated. */
  forgetPassword(): void;
}

/**
 * The settings of connections to the PostgreSQL server that a configuration names. Nothing is asked of the server; a
 * secret is fetched, so that what is wrong with it comes out here.
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
