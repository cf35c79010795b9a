/** Checks for keys of `storage.sql_strategy` that contradict each other. */
import { isSecretArn, isSocketFolder, sslModeOf } from './postgresql-access.ts';
import type { SqlKeys } from './sql-strategy-keys.ts';

type Refuse = (key: keyof SqlKeys, message: string) => void;

const POSTGRESQL_KEYS = [
  'host',
  'port',
  'username',
  'password',
  'iam_authentication',
  'region',
  'sslmode',
  'sslrootcert',
  'connection_proxy',
] as const;

function checkSqlite(config: SqlKeys, refuse: Refuse): void {
  for (const key of POSTGRESQL_KEYS) {
    // SPEC.md's samples for SQLite have host "" and port 0.
    if (!config[key]) continue;
    refuse(key, 'applies only to type postgresql, and type is sqlite; remove it, or set type to "postgresql"');
  }
  const { name } = config;
  if (name === '') refuse('name', 'must not be empty');
  if (name === ':memory:' || name?.toLowerCase().startsWith('file:')) {
    refuse('name', 'must be a plain file: several connections cannot share an in-memory database or a file: URL');
  }
}

function checkLogin({ iam_authentication, username, password, region }: SqlKeys, refuse: Refuse): void {
  if (iam_authentication) {
    if (!username) refuse('username', 'is required with iam_authentication: the user with the role rds_iam');
    if (password !== undefined) refuse('password', 'must be left out with iam_authentication, which uses none');
    return;
  }
  const inSecretsManager = isSecretArn(password);
  if (!username && !inSecretsManager) {
    refuse('username', 'is required unless password is the ARN of a secret');
  }
  if (password === '') refuse('password', 'must not be empty; leave it out if the server requires none');
  if (password?.startsWith('arn:') && !inSecretsManager) {
    refuse(
      'password',
      'begins with arn: but is not the ARN of a secret, such as arn:aws:secretsmanager:eu-central-1:123456789012:secret:hostfactory',
    );
  }
  if (region !== undefined && !inSecretsManager) {
    refuse('region', 'applies only to iam_authentication and to a password that is the ARN of a secret; remove it');
  }
}

function checkEncryption(config: SqlKeys, refuse: Refuse): void {
  const { host, sslmode, iam_authentication, sslrootcert } = config;
  if (isSocketFolder(host) && sslmode !== undefined && sslmode !== 'disable') {
    refuse('sslmode', 'must be "disable" or left out if host is the folder of a Unix socket, which has no TLS');
    return;
  }
  if (sslModeOf(config) !== 'disable') return;
  const why = sslmode === undefined ? `, the default for the host ${JSON.stringify(host)}` : '';
  if (iam_authentication) {
    refuse('sslmode', `must not be "disable"${why}: with iam_authentication, RDS requires encryption`);
  }
  if (sslrootcert !== undefined) {
    refuse('sslrootcert', `has no effect with sslmode "disable"${why}; remove it, or set sslmode to "verify-full"`);
  }
}

function checkPostgresql(config: SqlKeys, refuse: Refuse): void {
  if (!config.name) refuse('name', 'is required with type postgresql: the name of the database');
  if (config.host === '') refuse('host', 'is required with type postgresql');
  checkLogin(config, refuse);
  if (config.host !== '') checkEncryption(config, refuse);
}

/** Calls `refuse` for each key that contradicts another, with what to write instead. */
export function checkSqlKeys(config: SqlKeys, refuse: Refuse): void {
  if (config.type === 'sqlite') checkSqlite(config, refuse);
  else checkPostgresql(config, refuse);
}
