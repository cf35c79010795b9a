/** Refuses settings that are valid on one machine but not in a deployment. */
import { existsSync } from 'node:fs';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { ConfigurationError } from '../../repository/errors.ts';
import type { PeerFile } from './peer-file.ts';
import { locationOf, PREFIXES, placeholders, reference } from './placeholders.ts';

type Refuse = (path: string, message: string) => void;

interface Checked {
  readonly storage: Config['storage'];
  readonly deployment: DeploymentConfig;
  readonly refuse: Refuse;
}

/** Checks keys that name a location or a login of one machine. */
function checkLocation(
  section: string,
  keys: Readonly<Record<string, string | undefined>>,
  { deployment, refuse }: Checked,
) {
  for (const [key, value] of Object.entries(keys)) {
    if (value === undefined || (key === 'region' && value === deployment.region)) continue;
    const todo = key === 'region' ? 'remove it, or set deployment.region to the same value' : 'remove it';
    refuse(
      `storage.${section}.${key}`,
      `is not allowed in a deployment, whose functions use AWS and their own role; ${todo}`,
    );
  }
}

function checkJson(checked: Checked): void {
  const { base_path, endpoint, region } = checked.storage.json_strategy;
  const bucket = `s3://${placeholders.HFSTORAGE_BUCKET}`;
  if (base_path !== bucket && !base_path.startsWith(`${bucket}/`)) {
    checked.refuse(
      'storage.json_strategy.base_path',
      `must be s3://${reference('HFSTORAGE_BUCKET')} or a prefix in it, not ${JSON.stringify(base_path)}: Lambda has no persistent disk, and the deployment creates the bucket`,
    );
  }
  checkLocation('json_strategy', { endpoint, region }, checked);
}

const DATABASE_NAME = /^[a-z_][a-z0-9_]{0,62}$/;
/** Reserved by RDS for PostgreSQL. */
const RESERVED_USERS = ['admin', 'rdsadmin', 'rds_superuser', 'rdsrepladmin'];

function checkSql(checked: Checked): void {
  const { storage, deployment, refuse } = checked;
  const {
    type,
    name,
    host,
    username,
    sslmode,
    sslrootcert,
    port,
    region,
    password,
    iam_authentication,
    connection_proxy,
  } = storage.sql_strategy;
  const wrong = (key: string, message: string): void => refuse(`storage.sql_strategy.${key}`, message);
  if (type === 'sqlite') {
    wrong('type', 'must be "postgresql" in a deployment: Lambda has no persistent disk for SQLite');
    return;
  }
  if (deployment.vpc === undefined)
    refuse('deployment.vpc', 'is required with storage.strategy "sql": RDS runs in a VPC; {} creates one');
  if (host !== placeholders.HFSTORAGE_DATABASE_HOST) {
    wrong('host', `must be ${reference('HFSTORAGE_DATABASE_HOST')} in a deployment, which creates the database`);
  }
  if (!DATABASE_NAME.test(name))
    wrong('name', 'must consist of lowercase letters, digits and _, and begin with a letter');
  if (!username) wrong('username', 'is required: the owner of the database, which RDS creates');
  else if (!DATABASE_NAME.test(username) || RESERVED_USERS.includes(username)) {
    wrong('username', `must consist of lowercase letters, digits and _, and not be a name that RDS reserves`);
  }
  if (sslmode !== undefined && sslmode !== 'verify-full')
    wrong('sslmode', 'must be "verify-full" or left out in a deployment');
  if (port !== 0 && port !== 5432) wrong('port', 'must be 5432 or left out in a deployment');
  checkLocation('sql_strategy', { region }, checked);
  if (deployment.rds.proxy) {
    if (!iam_authentication)
      wrong('iam_authentication', 'must be true with deployment.rds.proxy, which accepts no passwords');
    if (!connection_proxy) wrong('connection_proxy', 'must be true with deployment.rds.proxy');
    // Its certificates are signed by a CA that Node trusts.
    if (sslrootcert !== undefined)
      wrong('sslrootcert', 'must be left out with deployment.rds.proxy, whose CA Node trusts');
    return;
  }
  if (password !== placeholders.HFSTORAGE_DATABASE_SECRET) {
    wrong(
      'password',
      `must be ${reference('HFSTORAGE_DATABASE_SECRET')} without deployment.rds.proxy: the secret that RDS creates and rotates`,
    );
  }
  if (connection_proxy) wrong('connection_proxy', 'must be false or left out without deployment.rds.proxy');
  if (sslrootcert === undefined) {
    wrong(
      'sslrootcert',
      "is required without deployment.rds.proxy: the file of RDS's CA certificates, global-bundle.pem",
    );
  } else if (!existsSync(sslrootcert))
    wrong('sslrootcert', `names ${JSON.stringify(sslrootcert)}, and there is no such file`);
}

function checkDynamodb(checked: Checked): void {
  const { storage, deployment, refuse } = checked;
  const config = storage.dynamodb_strategy;
  const wrong = (key: string, message: string): void => refuse(`storage.dynamodb_strategy.${key}`, message);
  const { endpoint, profile, region, auto_scaling, billing_mode } = config;
  checkLocation('dynamodb_strategy', { endpoint, profile, region }, checked);
  if (auto_scaling.enabled && billing_mode === 'PAY_PER_REQUEST') {
    wrong(
      'auto_scaling',
      'has no effect with billing_mode "PAY_PER_REQUEST"; remove it, or set billing_mode to "PROVISIONED"',
    );
  }
  if (auto_scaling.enabled) {
    for (const kind of ['read', 'write'] as const) {
      const [capacity, maximum] = [config[`${kind}_capacity`], auto_scaling[`max_${kind}_capacity`]];
      if (capacity > maximum)
        wrong(`${kind}_capacity`, `must be at most auto_scaling.max_${kind}_capacity, ${maximum}, not ${capacity}`);
    }
  }
  if (!config.enable_dax) return;
  if (deployment.vpc === undefined) {
    refuse(
      'deployment.vpc',
      'is required with storage.dynamodb_strategy.enable_dax: DAX runs in a VPC; {} creates one',
    );
  }
  if (config.dax_endpoint !== placeholders.HFSTORAGE_DAX_ENDPOINT) {
    wrong('dax_endpoint', `must be ${reference('HFSTORAGE_DAX_ENDPOINT')} in a deployment, which creates the cluster`);
  }
}

/** The locations of backups and of the state of migrations are fixed in a deployment. */
function checkJobs({ migration, backup }: Config, { deployment, storage, refuse }: Checked): void {
  const locations: readonly (readonly [key: string, value: string, unset: string, prefix: keyof typeof PREFIXES])[] = [
    ['backup.location', backup.location, 'backups/', 'backups'],
    ['migration.backup_location', migration.backup_location, 'backups/', 'migrationBackups'],
    ['migration.state_location', migration.state_location, 'state/', 'state'],
  ];
  for (const [key, value, unset, prefix] of locations) {
    if (value === unset || value === locationOf(prefix)) continue;
    const own = `s3://${reference('HFSTORAGE_BACKUP_BUCKET')}/${PREFIXES[prefix]}`;
    refuse(key, `must be ${own} in a deployment, or be left out: the deployment creates the bucket`);
  }
  for (const key of ['region', 'endpoint'] as const) {
    if (backup[key] !== undefined)
      refuse(`backup.${key}`, 'is not allowed in a deployment, which creates the bucket; remove it');
  }
  if (deployment.backup.native !== undefined && storage.strategy === 'json') {
    refuse(
      'deployment.backup.native',
      'applies only with storage.strategy "dynamodb" or "sql": the bucket of the JSON store keeps its versions; remove it',
    );
  }
}

const checks = { json: checkJson, sql: checkSql, dynamodb: checkDynamodb };

/**
 * Checks that a configuration can be deployed.
 * @throws ConfigurationError naming each invalid key
 */
export function checkDeployment(config: Config, deployment: DeploymentConfig, peer?: PeerFile): void {
  const { storage } = config;
  const problems: string[] = [];
  const refuse: Refuse = (path, message) => problems.push(`${path} ${message}`);
  checks[storage.strategy]({ storage, deployment, refuse });
  checkJobs(config, { storage, deployment, refuse });
  const inVpc =
    storage.strategy === 'sql' ||
    peer?.config.storage.strategy === 'sql' ||
    (storage.strategy === 'dynamodb' && storage.dynamodb_strategy.enable_dax);
  if (deployment.vpc !== undefined && !inVpc) {
    refuse(
      'deployment.vpc',
      'applies only with storage.strategy "sql", with enable_dax, or if the other store of migrations is PostgreSQL: nothing else is in a VPC; remove it',
    );
  }
  if (deployment.replicas.length > 0 && storage.strategy !== 'dynamodb') {
    refuse('deployment.replicas', 'apply only with storage.strategy "dynamodb"; remove them');
  }
  if (problems.length > 0) throw new ConfigurationError(problems.join('; '));
}
