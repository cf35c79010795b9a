/**
 * What only CloudFormation knows: a configuration names it by a variable, which each deployed function has. While CDK
 * runs, a stand-in that passes for a real value takes its place.
 */
import type { Config } from '../../config/configuration.ts';

/** The stand-ins of the variables. None can be mistaken for something real. */
export const standIns = {
  /** The S3 bucket of the JSON store. */
  HFSTORAGE_BUCKET: 'hfstorage-stand-in-for-the-bucket',
  /** RDS Proxy, or the database instance where there is none. */
  HFSTORAGE_DATABASE_HOST: 'hfstorage-database-host.invalid',
  /** ARN of the secret with the database's login. */
  HFSTORAGE_DATABASE_SECRET: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:hfstorage-stand-in',
  /** URL of the DAX cluster. */
  HFSTORAGE_DAX_ENDPOINT: 'daxs://hfstorage-dax.invalid',
  /** The S3 bucket of backups, and of what migrations know. */
  HFSTORAGE_BACKUP_BUCKET: 'hfstorage-stand-in-for-the-backup-bucket',
} as const;

export type Placeholder = keyof typeof standIns;

/** A reference to a variable, as a configuration writes it. */
export const reference = (name: Placeholder): string => `\${${name}}`;

/** A text as a configuration would hold it: with references in place of stand-ins, and any other `${` as itself. */
function written(text: string): string {
  const plain = text.replaceAll('${', '$${');
  // A function, since a $ in a replacement text has a meaning of its own.
  return Object.entries(standIns).reduce(
    (result, [name, standIn]) => result.replaceAll(standIn, () => reference(name as Placeholder)),
    plain,
  );
}

/** File in a function's folder that holds its configuration. */
export const CONFIG_FILE = 'config.json';
/** File in a function's folder that holds the CA certificates of the database. */
export const CERTIFICATES_FILE = 'sslrootcert.pem';
/** The same of the other store of migrations. */
export const PEER_CERTIFICATES_FILE = 'peer-sslrootcert.pem';

/** Prefixes in the bucket of backups. What migrations back up is apart: it may be of another store. */
export const PREFIXES = { backups: 'backups', migrationBackups: 'migration-backups', state: 'state' } as const;

/** Where something of a prefix is. */
export const locationOf = (prefix: keyof typeof PREFIXES): string =>
  `s3://${standIns.HFSTORAGE_BACKUP_BUCKET}/${PREFIXES[prefix]}`;

interface Deployed {
  readonly sslrootcert: string;
}

/** The store in use alone, with nothing that is for this machine only. */
function deployedStorage({ storage }: Pick<Config, 'storage'>, { sslrootcert }: Deployed): object {
  const { strategy, enforce_references, sql_strategy, dynamodb_strategy, json_strategy } = storage;
  const sections = {
    json: { json_strategy },
    sql: { sql_strategy: { ...sql_strategy, ...(sql_strategy.sslrootcert !== undefined && { sslrootcert }) } },
    // The tables are there, and a function may neither make nor describe them.
    dynamodb: { dynamodb_strategy: { ...dynamodb_strategy, create_tables: false } },
  };
  return { strategy, enforce_references, ...sections[strategy] };
}

const asText = (config: object): string =>
  JSON.stringify(config, (_, value: unknown) => (typeof value === 'string' ? written(value) : value), 2);

/** The configuration that the functions of the API read. */
export const deployedConfig = (config: Config): string =>
  asText({ storage: deployedStorage(config, { sslrootcert: CERTIFICATES_FILE }) });

/** The same store without DAX: a migration or backup reads everything once, which a cache only suffers from. */
export function withoutCache({ storage }: Pick<Config, 'storage'>): Pick<Config, 'storage'> {
  const { dax_endpoint: _, ...tables } = storage.dynamodb_strategy;
  return { storage: { ...storage, dynamodb_strategy: { ...tables, enable_dax: false } } };
}

/** The configuration that the functions of migrations and backups read, and those of the API that start and follow them. */
export function deployedJobsConfig(config: Config): string {
  const { migration, backup } = config;
  return asText({
    storage: deployedStorage(withoutCache(config), { sslrootcert: CERTIFICATES_FILE }),
    migration: { ...migration, state_location: locationOf('state'), backup_location: locationOf('migrationBackups') },
    backup: { location: locationOf('backups'), retention: backup.retention },
  });
}

/** The configuration of the other store of migrations. */
export const peerConfig = (peer: Config): string =>
  asText({ storage: deployedStorage(peer, { sslrootcert: PEER_CERTIFICATES_FILE }) });
