/** Configurations that the shipped environments do not cover. As few as possible: each is a whole deployment. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference to a variable in a configuration.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment } from '../../lib/cdk/environment/environment-file.ts';
import { placeholders } from '../../lib/cdk/environment/placeholders.ts';
import type { Config, ConfigInput } from '../../lib/config/configuration.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';

export const CONFIG_FOLDER = join(import.meta.dirname, '..', '..', 'config');

/** A configuration like one from `readEnvironment`. */
export const configured = (config: unknown): Config => parseConfig(config as ConfigInput, { ...placeholders });

const dynamodb = { strategy: 'dynamodb' };
const vpc = { id: 'vpc-0123abcd', subnet_ids: ['subnet-0123abcd', 'subnet-4567abcd'] };
const certificate_arn = 'arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555';
const truststore = 's3://truststores/ca.pem';
const bucket = { strategy: 'json', json_strategy: { base_path: 's3://old-bucket/files' } };
const postgresql = { type: 'postgresql', host: 'db.example.com', name: 'old', username: 'reader' };
const password = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:old-AbCdEf';

const byPassword = {
  strategy: 'sql',
  sql_strategy: {
    type: 'postgresql',
    host: '${HFSTORAGE_DATABASE_HOST}',
    name: 'hostfactory',
    username: 'hostfactory_user',
    password: '${HFSTORAGE_DATABASE_SECRET}',
    // Any file will do: only the functions read it.
    sslrootcert: 'package.json',
  },
};

interface Peer {
  readonly storage: object;
  readonly migration?: object;
  readonly deployment?: object;
}

/** A deployment, on DynamoDB unless `own` says otherwise, with another store that a file in the folder describes. */
const withPeer =
  ({ storage, migration = {}, deployment = {} }: Peer, own: () => object = () => dynamodb) =>
  (folder: string): Config => {
    const peer = join(folder, 'old-store.json');
    writeFileSync(peer, JSON.stringify({ storage }));
    return configured({ storage: own(), deployment: { ...deployment, migration: { peer, ...migration } } });
  };

/** The port of the other database in the VPC, the only one allowed in the egress rule. */
export const PEER_PORT = 6543;

/** A database in the VPC of the deployment, as source and target of migrations. */
const databaseInVpc: Peer = {
  storage: { strategy: 'sql', sql_strategy: { ...postgresql, port: PEER_PORT, iam_authentication: true } },
  migration: { peer_role: 'both' },
  deployment: { vpc },
};

const made = (config: object) => (): Config => configured(config);

export const variants = {
  plain: made({ storage: dynamodb }),
  private: made({
    storage: dynamodb,
    api: { endpoint: 'private', vpc_endpoint_ids: ['vpce-0123abcd'], allowed_networks: ['10.0.0.0/8'] },
  }),
  'mutual-tls': made({
    storage: dynamodb,
    api: {
      authorization: 'none',
      custom_domain: { name: 'api.example.com', certificate_arn, truststore, truststore_version: 'v7' },
    },
  }),
  replicas: made({
    storage: dynamodb,
    deployment: {
      region: 'eu-central-1',
      account: '123456789012',
      customer_managed_key: true,
      replicas: [
        {
          region: 'eu-west-1',
          key_arn: 'arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555',
        },
      ],
    },
  }),
  'as-little-as-possible': made({
    storage: { strategy: 'dynamodb', enforce_references: false },
    deployment: {
      deletion_protection: false,
      point_in_time_recovery: false,
      backup: { schedule: 'none', restore_test_schedule: 'none' },
    },
    api: { tracing: false, account_log_role: false },
  }),
  'other-numbers': made({
    storage: {
      strategy: 'dynamodb',
      dynamodb_strategy: { billing_mode: 'PROVISIONED', read_capacity: 7, write_capacity: 3 },
    },
    deployment: {
      lambda: { reserved_concurrency: 7 },
      alarms: { topic_arn: 'arn:aws:sns:eu-central-1:123456789012:operators' },
      backup: { max_age_hours: 50, restore_test_storage_mb: 4096 },
    },
    migration: { parallel_workers: 9 },
    backup: { location: 's3://${HFSTORAGE_BACKUP_BUCKET}/backups' },
  }),
  'vpc-that-exists': () =>
    configured({
      storage: sqlStorage(),
      deployment: { vpc, deletion_protection: false, rds: { multi_az: false } },
    }),
  'password-without-proxy': made({
    storage: byPassword,
    deployment: { vpc: {}, rds: { proxy: false } },
  }),
  'password-without-proxy-in-vpc-that-exists': made({
    storage: byPassword,
    deployment: { vpc, rds: { proxy: false } },
  }),
  'sql-with-other-database': withPeer(databaseInVpc, sqlStorage),
  'dax-with-other-database': withPeer(databaseInVpc, daxStorage),
  'dynamodb-with-other-database': withPeer(databaseInVpc),
  'from-bucket': withPeer({
    storage: bucket,
    migration: { schedule: { expression: 'rate(6 hours)', timezone: 'Europe/Berlin', delete_extra: true } },
  }),
  'to-bucket': withPeer({ storage: bucket, migration: { peer_role: 'target' } }),
  'from-and-to-bucket': withPeer({ storage: bucket, migration: { peer_role: 'both' } }),
  'from-tables-elsewhere': withPeer({
    storage: { strategy: 'dynamodb', dynamodb_strategy: { table_prefix: 'old', region: 'eu-west-1' } },
    migration: { peer_key_arn: 'arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555' },
  }),
  'from-database-by-password': withPeer({
    storage: { strategy: 'sql', sql_strategy: { ...postgresql, password } },
    deployment: { vpc },
  }),
  'from-database-by-iam': withPeer({
    storage: { strategy: 'sql', sql_strategy: { ...postgresql, iam_authentication: true } },
    deployment: { vpc },
  }),
} satisfies Readonly<Record<string, (folder: string) => Config>>;

export type Variant = keyof typeof variants;

/** The storage of the shipped environment, as written. */
function sqlStorage() {
  const { strategy, sql_strategy } = readEnvironment(CONFIG_FOLDER, 'sql').storage;
  return { strategy, sql_strategy };
}

function daxStorage() {
  const { strategy, dynamodb_strategy } = readEnvironment(CONFIG_FOLDER, 'dax').storage;
  return { strategy, dynamodb_strategy };
}
