/** The one place where errors become problems (RFC 9457, application/problem+json). */
import type { Problem } from '../../model/json-values.ts';
import {
  ConcurrencyConflictError,
  EntityExistsError,
  StorageDamagedError,
  StorageError,
  StorageUnavailableError,
  ValidationError,
} from '../../repository/errors.ts';
import type { ServiceResponse } from '../service.ts';
import { isProblemCode, type ProblemCode, problemTypes, RETRY_AFTER_SECONDS } from './problem-types.ts';
import { OperationError, RequestError } from './request-error.ts';

export interface ProblemDetails {
  readonly type: `urn:hostfactory:problem:${ProblemCode}`;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly Problem[];
  readonly current_version?: number;
  readonly operation_index?: number;
}

export const PROBLEM_TYPE = 'application/problem+json';

// Problems quote the input, which may be 6 MB of field names: an answer must stay readable, and under 5 MB.
const MAX_DETAIL = 1000;
const MAX_ERRORS = 50;
const MAX_PATH = 200;
const MAX_MESSAGE = 500;

/** Details of errors whose own message is for the log only: it may name files, hosts or statements. */
const hidden: Partial<Record<ProblemCode, string>> = {
  internal_error: 'The service failed to handle this call. The failure is in its log, under the id in X-Request-Id.',
  storage_unavailable: 'The store cannot be reached, is busy or is full. Retry the same call later.',
  backup_failed: 'The backups cannot be read or written now. See the log of the service for the cause.',
  storage_damaged: 'The stored data is damaged and cannot be read. An operator must run `hfstorage doctor`.',
};

/** Text of at most `limit` UTF-16 units, with an ellipsis for what was cut off. */
export function shorten(text: string, limit: number): string {
  return text.length <= limit ? text.toWellFormed() : `${text.slice(0, limit - 1).toWellFormed()}…`;
}

const shortened = ({ path, message }: Problem): Problem => ({
  path: shorten(path, MAX_PATH),
  message: shorten(message, MAX_MESSAGE),
});

function codeOf(error: unknown): ProblemCode {
  if (error instanceof RequestError) return error.code;
  return error instanceof StorageError && isProblemCode(error.code) ? error.code : 'internal_error';
}

function currentVersionOf(error: unknown): number | undefined {
  const known =
    error instanceof RequestError || error instanceof ConcurrencyConflictError || error instanceof EntityExistsError;
  return known ? error.currentVersion : undefined;
}

/** What a caller learns about an error. It contains no internals of the service. */
export function problemOf(error: unknown): ProblemDetails {
  if (error instanceof OperationError) return { ...problemOf(error.cause), operation_index: error.index };
  const code = codeOf(error);
  const { status, title } = problemTypes[code];
  const detail = hidden[code] ?? (error as Error).message;
  const currentVersion = currentVersionOf(error);
  return {
    type: `urn:hostfactory:problem:${code}`,
    title,
    status,
    detail: shorten(detail, MAX_DETAIL),
    ...(error instanceof ValidationError && { errors: error.problems.slice(0, MAX_ERRORS).map(shortened) }),
    ...(currentVersion !== undefined && { current_version: currentVersion }),
  };
}

const retryAfter = { 'Retry-After': String(RETRY_AFTER_SECONDS) };

function headersOf(error: unknown): Readonly<Record<string, string>> {
  if (error instanceof OperationError) return headersOf(error.cause);
  if (error instanceof StorageUnavailableError) return retryAfter;
  if (!(error instanceof RequestError)) return {};
  return error.code === 'deadline_exceeded' ? { ...retryAfter, ...error.headers } : error.headers;
}

/** The answer to a call that failed. */
export function problemAnswer(error: unknown): ServiceResponse {
  const problem = problemOf(error);
  return { status: problem.status, headers: { 'Content-Type': PROBLEM_TYPE, ...headersOf(error) }, body: problem };
}

/** Whether an error is the service's own, for its operators to investigate, and not the caller's. */
export function isFailure(error: unknown): boolean {
  if (error instanceof OperationError) return isFailure(error.cause);
  return error instanceof StorageDamagedError || problemTypes[codeOf(error)].status >= 500;
}
