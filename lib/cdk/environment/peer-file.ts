/** The other store of migrations: a configuration file that the deployment names. */
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';

import { isS3BasePath } from '../../config/json-strategy.ts';
import { parseJsonText } from '../../config/json-text.ts';
import { parseConfig } from '../../config/parse-config.ts';
import { isSecretArn } from '../../config/postgresql-access.ts';
import { storeLocation } from '../../config/store-location.ts';
import { ConfigurationError } from '../../repository/errors.ts';
import { CONFIG_FILE } from './placeholders.ts';

/** The other store of migrations. */
export interface PeerFile {
  /** As calls name it. */
  readonly name: string;
  readonly config: Config;
}

type Refuse = (key: string, message: string) => void;

const onThisMachine = 'is not allowed here: functions use AWS and their own role; remove it';

function checkJson({ storage }: Config, refuse: Refuse): void {
  const { base_path, endpoint } = storage.json_strategy;
  if (!isS3BasePath(base_path)) {
    refuse('json_strategy.base_path', 'must be s3://bucket/prefix: functions cannot reach the disk of another machine');
  }
  if (endpoint !== undefined) refuse('json_strategy.endpoint', onThisMachine);
}

function checkDynamodb({ storage }: Config, refuse: Refuse): void {
  const { endpoint, profile, enable_dax } = storage.dynamodb_strategy;
  if (endpoint !== undefined) refuse('dynamodb_strategy.endpoint', onThisMachine);
  if (profile !== undefined) refuse('dynamodb_strategy.profile', onThisMachine);
  if (enable_dax) refuse('dynamodb_strategy.enable_dax', 'must be false: a migration reads and writes the tables');
}

function checkSql({ storage }: Config, refuse: Refuse, { vpc }: DeploymentConfig): void {
  const { type, password, iam_authentication, sslrootcert } = storage.sql_strategy;
  if (type === 'sqlite')
    refuse('sql_strategy.type', 'must be "postgresql": functions cannot reach the disk of another machine');
  if (vpc?.id === undefined) {
    refuse('sql_strategy', 'requires deployment.vpc.id: a VPC from which the database and AWS services can be reached');
  }
  if (!iam_authentication && (password === undefined || !isSecretArn(password))) {
    refuse(
      'sql_strategy.password',
      'must be the ARN of a secret, or iam_authentication must be true: the file is deployed with the code',
    );
  }
  if (sslrootcert !== undefined && !existsSync(sslrootcert)) {
    refuse('sql_strategy.sslrootcert', `names ${JSON.stringify(sslrootcert)}, and there is no such file`);
  }
}

const checks = { json: checkJson, sql: checkSql, dynamodb: checkDynamodb };

/**
 * Reads the file that `deployment.migration.peer` names.
 * @returns undefined if it names none
 * @throws ConfigurationError if functions could not use it
 */
export function readPeer({ storage }: Config, deployment: DeploymentConfig): PeerFile | undefined {
  const { peer: file } = deployment.migration;
  if (file === undefined) return undefined;
  const key = 'deployment.migration.peer';
  const name = basename(file);
  if (name === CONFIG_FILE)
    throw new ConfigurationError(
      `${key} must not be called ${CONFIG_FILE}, the name of the service's own configuration.`,
    );
  let config: Config;
  try {
    config = parseConfig(parseJsonText(readFileSync(file)));
  } catch (cause) {
    throw new ConfigurationError(`${key}: ${file} cannot be used. ${(cause as Error).message}`, { cause });
  }
  const problems: string[] = [];
  checks[config.storage.strategy](config, (path, message) => problems.push(`storage.${path} ${message}`), deployment);
  if (storeLocation(config.storage) === storeLocation(storage))
    problems.push('storage is the store of this deployment itself');
  if (problems.length > 0) throw new ConfigurationError(`${key}: ${file}: ${problems.join('; ')}`);
  return { name, config };
}
