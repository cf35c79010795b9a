import {
  ConfigurationError,
  StorageError,
  StorageUnavailableError,
  ValidationError,
} from '../../../repository/errors.ts';

// Errors of DynamoDB: Amazon DynamoDB Developer Guide, "Error handling with DynamoDB".
const THROTTLED = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'LimitExceededException',
  // Another attempt of the same transaction is in progress.
  'TransactionInProgressException',
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
// The connection was refused, or the name or the route could not be resolved: nothing was sent.
const NOT_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];

/** Reasons for which DynamoDB cancels a transaction every time. */
const PERMANENT = new Set(['ValidationError', 'ItemCollectionSizeLimitExceeded', 'AccessDenied']);

const nameOf = (error: unknown): string => String((error as { name?: unknown }).name ?? '');
const messageOf = (error: unknown): string => String((error as { message?: unknown }).message ?? error);
const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

export const isThrottled = (error: unknown): boolean => THROTTLED.has(nameOf(error));

/** The system's code of a network error. If the SDK wraps the error, only its text has the code. */
const codeOf = (error: unknown): string =>
  String((error as { code?: unknown }).code ?? /\bE[A-Z]{3,}(?:_[A-Z]+)?\b/.exec(messageOf(error))?.[0] ?? '');

/** Whether a failed attempt may have been executed, with only its answer lost. */
export function isAmbiguous(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== undefined) return status >= 500 || status < 400 || nameOf(error) === 'TransactionInProgressException';
  return !NOT_SENT.includes(codeOf(error)) && !CREDENTIALS.has(nameOf(error));
}

/** The error of a transaction that would fail every time; undefined if it can be retried. */
export const permanentFailure = ({ code, message }: { code: string; message?: string | undefined }) =>
  PERMANENT.has(code) ? refused('commit a transaction', message ?? code) : undefined;

function refused(action: string, reason: string): StorageError {
  if (/4 ?MB/i.test(reason)) {
    const message = 'exceed 4 MB together, the most that DynamoDB commits at once; split the call';
    return new ValidationError([{ path: 'entities', message }]);
  }
  if (/specified index/i.test(reason)) {
    return new ConfigurationError(`DynamoDB lacks an index to ${action}: ${reason}. Run \`hfstorage doctor\`.`);
  }
  const size = /item.*size|ItemCollectionSizeLimit/i.test(reason);
  const message = size
    ? 'is larger than DynamoDB can hold (400 KB for an item); make it smaller'
    : `breaks a rule of DynamoDB, which could not ${action}: ${reason}`;
  return new ValidationError([{ path: '', message }]);
}

/**
 * Turns an error of the SDK into the error that a caller of the repository gets.
 * @param mayBeDone whether an attempt of a write may have been executed
 * @param tables the tables of the call, if `action` does not name them
 */
export function asStorageError(
  error: unknown,
  action: string,
  mayBeDone = false,
  tables = 'of that name',
): StorageError {
  const name = nameOf(error);
  const message = messageOf(error);
  if (error instanceof StorageError) return error;
  const unavailable = (what: string, advice = 'Try again.'): StorageError => {
    const next = mayBeDone
      ? 'The write may or may not have been stored: read the record before you repeat it.'
      : advice;
    return new StorageUnavailableError(`${what} ${next}`, { cause: error });
  };
  if (isThrottled(error)) {
    const advice = 'Try again; if this happens often, raise the capacity or use PAY_PER_REQUEST.';
    return unavailable(`DynamoDB had no capacity left to ${action}.`, advice);
  }
  if (name === 'ResourceNotFoundException') {
    const advice =
      'If it was deleted, restore it: calls work again once it exists. Otherwise check region and table_prefix, or run ' +
      '`hfstorage doctor`.';
    return unavailable(`DynamoDB has no table ${tables} to ${action}.`, advice);
  }
  if (CREDENTIALS.has(name)) {
    const advice = 'Renew them: check the profile, the role or the session.';
    return unavailable(`AWS did not accept the credentials to ${action} (${name}).`, advice);
  }
  if (name === 'AccessDeniedException') {
    return new ConfigurationError(`AWS denied permission to ${action}: ${message}. Grant it to the role.`, {
      cause: error,
    });
  }
  if (name === 'ValidationException') return refused(action, message);
  const sent = (error as { $metadata?: object }).$metadata !== undefined;
  if (name === 'TimeoutError' || (sent && statusOf(error) === undefined)) {
    return unavailable(`DynamoDB cannot be reached to ${action} (${codeOf(error) || name}).`);
  }
  return unavailable(`DynamoDB could not ${action}: ${name}.`);
}
