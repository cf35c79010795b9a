/** Secrets of AWS Secrets Manager that hold the login of a database. */
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ConfigurationError } from '../../../repository/errors.ts';
import { awsFailure } from './aws-failures.ts';

// Three attempts end well within the 25 s of an HTTP call.
const MAX_ATTEMPTS = 3;
const CONNECTION_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 5_000;

export interface Login {
  readonly user: string;
  readonly password: string;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function parseObject(text: string): { readonly username?: unknown; readonly password?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the login from a secret. Its value must not appear in an error, so the message of JSON.parse must not either. */
function loginOf(arn: string, text: string | undefined, username: string | undefined): Login {
  const refuse = (problem: string): never => {
    throw new ConfigurationError(
      `The secret ${arn} ${problem}. Make it the password, or a JSON object with "username" and "password".`,
    );
  };
  if (!isText(text)) return refuse('holds no text');
  const object = parseObject(text);
  if (object === undefined) {
    if (username !== undefined) return { user: username, password: text };
    return refuse('names no user, and sql_strategy.username is not set');
  }
  if (!isText(object.password)) return refuse('is a JSON object without a "password"');
  const user = object.username ?? username;
  if (!isText(user)) return refuse('is a JSON object without a "username", and sql_strategy.username is not set');
  if (username !== undefined && user !== username) {
    throw new ConfigurationError(
      `The secret ${arn} is the login of ${user}, but sql_strategy.username is ${username}. Remove sql_strategy.username, or name the secret of that user.`,
    );
  }
  return { user, password: object.password };
}

async function readValue(client: SecretsManagerClient, arn: string): Promise<string | undefined> {
  const { GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
  try {
    return (await client.send(new GetSecretValueCommand({ SecretId: arn }))).SecretString;
  } catch (error) {
    throw awsFailure(error, `read the secret ${arn}`);
  }
}

/**
 * Fetches the login that a secret holds.
 * @param region by default the one in the ARN
 * @param username the user of a secret that holds only the password
 * @throws ConfigurationError, StorageUnavailableError
 */
export async function fetchLogin(arn: string, region?: string, username?: string): Promise<Login> {
  const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const client = new SecretsManagerClient({
    region: region ?? (arn.split(':')[3] as string),
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  });
  try {
    return loginOf(arn, await readValue(client, arn), username);
  } finally {
    client.destroy();
  }
}
