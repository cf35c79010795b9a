import { isSecretArn } from '../../../config/postgresql-access.ts';
import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { ConfigurationError } from '../../../repository/errors.ts';
import type { Credentials } from './credentials.ts';
import { IamCredentials } from './iam-credentials.ts';
import { fetchLogin } from './secret.ts';
import { SecretCredentials } from './secret-credentials.ts';

function fixedCredentials({ host, username, password }: SqlStrategyConfig): Credentials {
  return {
    user: username as string,
    passwordMayChange: false,
    password: async () => {
      if (password !== undefined) return password;
      throw new ConfigurationError(
        `The PostgreSQL server at ${host} asks for a password, and none is configured. Set sql_strategy.password or sql_strategy.iam_authentication.`,
      );
    },
    forget: () => {},
  };
}

/**
 * The login that a configuration names. A token or a secret is fetched once, so that its problems show at once.
 * @throws ConfigurationError, StorageUnavailableError
 */
export async function openCredentials(config: SqlStrategyConfig): Promise<Credentials> {
  if (config.iam_authentication) {
    const credentials = new IamCredentials(config);
    await credentials.password();
    return credentials;
  }
  const { password, region, username } = config;
  if (!isSecretArn(password)) return fixedCredentials(config);
  return SecretCredentials.open(password, () => fetchLogin(password, region, username || undefined));
}
