/** Translates errors of the AWS SDK. */
import { ConfigurationError, StorageError, StorageUnavailableError } from '../../../repository/errors.ts';

const THROTTLED = /throttl|toomanyrequests|limitexceeded/i;
const TOO_MANY_REQUESTS = 429;

const advice: Readonly<Record<string, string>> = {
  CredentialsProviderError: 'There are no AWS credentials: set a profile, a role or AWS_ACCESS_KEY_ID',
  ResourceNotFoundException:
    'It does not exist or has no value: create it, or correct sql_strategy.password and sql_strategy.region',
  AccessDeniedException:
    'Access is denied: grant this role secretsmanager:GetSecretValue, and kms:Decrypt if the secret has a key of its own',
};

/** Whether AWS understood the call and refused it permanently. */
function isRefusal(error: Error): boolean {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  return status !== undefined && status < 500 && status !== TOO_MANY_REQUESTS && !THROTTLED.test(error.name);
}

function detailOf({ name, message, code }: NodeJS.ErrnoException): string {
  // If connections to several addresses failed, there is only a code.
  const detail = (message || code || 'no answer').replace(/\.$/, '');
  return name === 'Error' ? detail : `${name}: ${detail}`;
}

/** The error to throw for an error of the AWS SDK. @param action what failed, as the continuation of "Cannot" */
export function awsFailure(error: unknown, action: string): StorageError {
  if (error instanceof StorageError) return error;
  const cause = error as Error;
  if (cause.message === 'Region is missing') {
    const message = `Cannot ${action}. Its region is not known: set sql_strategy.region or AWS_REGION.`;
    return new ConfigurationError(message, { cause });
  }
  const known = advice[cause.name];
  const message = `Cannot ${action}. ${known ?? detailOf(cause)}.`;
  return known !== undefined || isRefusal(cause)
    ? new ConfigurationError(message, { cause })
    : new StorageUnavailableError(`${message} Try again later.`, { cause });
}
