/**
 * What only CloudFormation knows: a configuration names it by a variable, which each deployed function has. While CDK
 * runs, a stand-in that passes for a real value takes its place.
 */
import type { Config } from '../config/configuration.ts';

/** The stand-ins of the variables. None can be mistaken for something real. */
export const standIns = {
  /** The S3 bucket of the JSON store. */
  HFS_BUCKET: 'hfs-stand-in-for-the-bucket',
  /** RDS Proxy, or the database instance where there is none. */
  HFS_DATABASE_HOST: 'hfs-database-host.invalid',
  /** ARN of the secret with the database's login. */
  HFS_DATABASE_SECRET: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:hfs-stand-in',
  /** URL of the DAX cluster. */
  HFS_DAX_ENDPOINT: 'daxs://hfs-dax.invalid',
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

/** The configuration that deployed functions read: the store in use, with nothing that is for this machine only. */
export function deployedConfig({ storage }: Config): string {
  const { strategy, enforce_references, sql_strategy, dynamodb_strategy, json_strategy } = storage;
  const sections = {
    json: { json_strategy },
    sql: {
      sql_strategy: {
        ...sql_strategy,
        ...(sql_strategy.sslrootcert !== undefined && { sslrootcert: CERTIFICATES_FILE }),
      },
    },
    // The tables are there, and a function may neither make nor describe them.
    dynamodb: { dynamodb_strategy: { ...dynamodb_strategy, create_tables: false } },
  };
  const config = { storage: { strategy, enforce_references, ...sections[strategy] } };
  return JSON.stringify(config, (_, value: unknown) => (typeof value === 'string' ? written(value) : value), 2);
}
