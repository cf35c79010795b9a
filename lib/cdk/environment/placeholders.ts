/**
 * Values that only CloudFormation knows: a configuration refers to them by variables, which each deployed function has.
 * While CDK runs, placeholders with the form of real values replace them.
 */
import type { Config } from '../../config/configuration.ts';

/** The placeholders for the variables. None can be mistaken for a real value. */
export const placeholders = {
  /** The S3 bucket of the JSON store. */
  HFSTORAGE_BUCKET: 'hfstorage-placeholder-for-the-bucket',
  /** RDS Proxy, or the database instance if there is none. */
  HFSTORAGE_DATABASE_HOST: 'hfstorage-database-host.invalid',
  /** ARN of the secret with the database's login. */
  HFSTORAGE_DATABASE_SECRET: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:hfstorage-placeholder',
  /** URL of the DAX cluster. */
  HFSTORAGE_DAX_ENDPOINT: 'daxs://hfstorage-dax.invalid',
  /** The S3 bucket of backups and of the state of migrations. */
  HFSTORAGE_BACKUP_BUCKET: 'hfstorage-placeholder-for-the-backup-bucket',
} as const;

export type Placeholder = keyof typeof placeholders;

/** A reference to a variable, as in a configuration. */
export const reference = (name: Placeholder): string => `\${${name}}`;

/** A text as written in a configuration: with references instead of placeholders, and any other `${` escaped. */
function withReferences(text: string): string {
  const plain = text.replaceAll('${', '$${');
  // A function, since a $ in a replacement text has a special meaning.
  return Object.entries(placeholders).reduce(
    (result, [name, placeholder]) => result.replaceAll(placeholder, () => reference(name as Placeholder)),
    plain,
  );
}

/** File in a function's folder that holds its configuration. */
export const CONFIG_FILE = 'config.json';
/** File in a function's folder that holds the CA certificates of the database. */
export const CERTIFICATES_FILE = 'sslrootcert.pem';
/** The same for the other store of migrations. */
export const PEER_CERTIFICATES_FILE = 'peer-sslrootcert.pem';

/** Prefixes in the backup bucket. Backups of migrations are separate, since they may be of another store. */
export const PREFIXES = { backups: 'backups', migrationBackups: 'migration-backups', state: 'state' } as const;

/** Location of a prefix. */
export const locationOf = (prefix: keyof typeof PREFIXES): string =>
  `s3://${placeholders.HFSTORAGE_BACKUP_BUCKET}/${PREFIXES[prefix]}`;

interface Deployed {
  readonly sslrootcert: string;
}

/** Only the store in use, without settings for a single machine. */
function deployedStorage({ storage }: Pick<Config, 'storage'>, { sslrootcert }: Deployed): object {
  const { strategy, enforce_references, sql_strategy, dynamodb_strategy, json_strategy } = storage;
  const sections = {
    json: { json_strategy },
    sql: { sql_strategy: { ...sql_strategy, ...(sql_strategy.sslrootcert !== undefined && { sslrootcert }) } },
    // The tables exist, and a function may neither create nor describe them.
    dynamodb: { dynamodb_strategy: { ...dynamodb_strategy, create_tables: false } },
  };
  return { strategy, enforce_references, ...sections[strategy] };
}

const asText = (config: object): string =>
  JSON.stringify(config, (_, value: unknown) => (typeof value === 'string' ? withReferences(value) : value), 2);

/** The configuration that the functions of the API read. */
export const deployedConfig = (config: Config): string =>
  asText({ storage: deployedStorage(config, { sslrootcert: CERTIFICATES_FILE }) });

/** The same store without DAX: a migration or backup reads everything once, which only evicts useful cache entries. */
export function withoutCache({ storage }: Pick<Config, 'storage'>): Pick<Config, 'storage'> {
  const { dax_endpoint: _, ...tables } = storage.dynamodb_strategy;
  return { storage: { ...storage, dynamodb_strategy: { ...tables, enable_dax: false } } };
}

/** The configuration for the functions of migrations and backups, and for those of the API that start and follow them. */
export function deployedJobsConfig(config: Config): string {
  const { migration, backup } = config;
  return asText({
    storage: deployedStorage(withoutCache(config), { sslrootcert: CERTIFICATES_FILE }),
    migration: { ...migration, state_location: locationOf('state'), backup_location: locationOf('migrationBackups') },
    backup: {
      location: locationOf('backups'),
      retention: backup.retention,
      jobs_at_once: backup.jobs_at_once,
    },
  });
}

/** The configuration of the other store of migrations. */
export const peerConfig = (peer: Config): string =>
  asText({ storage: deployedStorage(peer, { sslrootcert: PEER_CERTIFICATES_FILE }) });
