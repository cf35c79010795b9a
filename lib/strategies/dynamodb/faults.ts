import { ConfigurationError, StorageError, StorageUnavailableError } from '../../repository/errors.ts';

// Errors of DynamoDB: Amazon DynamoDB Developer Guide, "Error handling with DynamoDB".
const THROTTLED = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'LimitExceededException',
]);
const CREDENTIALS = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'IncompleteSignatureException',
  'MissingAuthenticationTokenException',
  'CredentialsProviderError',
  'TokenProviderError',
]);
const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH']);

const nameOf = (error: unknown): string => String((error as { name?: unknown }).name ?? '');
const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? '');

export const isThrottled = (error: unknown): boolean => THROTTLED.has(nameOf(error));

/** Whether an attempt may have been carried out although it failed: its answer was lost. */
export function isAmbiguous(error: unknown): boolean {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (status !== undefined) return status >= 500;
  // Nobody listened: nothing was sent.
  return codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOTFOUND' && !CREDENTIALS.has(nameOf(error));
}

/** An error of the SDK as the error that a caller of the repository gets. */
export function asStorageError(error: unknown, action: string): StorageError {
  if (error instanceof StorageError) return error;
  const name = nameOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (isThrottled(error)) {
    return new StorageUnavailableError(
      `DynamoDB had no capacity left to ${action}. Try again; if this happens often, raise the capacity or use PAY_PER_REQUEST.`,
      { cause: error },
    );
  }
  if (name === 'ResourceNotFoundException') {
    return new ConfigurationError(
      `DynamoDB has no such table to ${action}: ${message}. Check region and table_prefix, or run \`hfs doctor\`.`,
      { cause: error },
    );
  }
  if (CREDENTIALS.has(name)) {
    return new StorageUnavailableError(
      `AWS does not accept the credentials to ${action} (${name}). Renew them: check the profile, the role or the session.`,
      { cause: error },
    );
  }
  if (name === 'AccessDeniedException') {
    return new ConfigurationError(`AWS does not allow it to ${action}: ${message}. Grant it to the role.`, {
      cause: error,
    });
  }
  if (NETWORK.has(codeOf(error)) || name === 'TimeoutError') {
    return new StorageUnavailableError(
      `DynamoDB cannot be reached to ${action} (${codeOf(error) || name}). Try again.`,
      {
        cause: error,
      },
    );
  }
  return new StorageUnavailableError(`DynamoDB could not ${action}: ${name}. Try again.`, { cause: error });
}
