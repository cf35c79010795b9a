/** Every kind of problem the API answers with, by its code: the end of the problem's `type`, and stable for programs. */
export const problemTypes = {
  validation_failed: { status: 400, title: 'The input breaks a rule' },
  malformed_request: { status: 400, title: 'The request cannot be read' },
  transaction_too_large: { status: 400, title: 'The transaction touches too many entities' },
  unsupported_operation: { status: 400, title: 'This store cannot do that' },
  answer_too_large: { status: 400, title: 'The answer would be too large' },
  unauthorized: { status: 401, title: 'The call carries no valid token' },
  forbidden: { status: 403, title: 'The caller may not do this' },
  cross_site_call: { status: 403, title: 'A web page of another site makes the call' },
  entity_not_found: { status: 404, title: 'There is no such entity' },
  unknown_path: { status: 404, title: 'There is nothing at this path' },
  unknown_collection: { status: 404, title: 'There is no such collection' },
  unknown_migration: { status: 404, title: 'There is no such migration' },
  method_not_allowed: { status: 405, title: 'This path does not support that method' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  entity_exists: { status: 409, title: 'The entity already exists' },
  concurrency_conflict: { status: 409, title: 'The entity has another version' },
  reference_not_found: { status: 409, title: 'A referenced entity is missing' },
  template_not_found: { status: 409, title: 'The template is missing' },
  entity_in_use: { status: 409, title: 'The entity is still referenced' },
  request_differs: { status: 409, title: 'The request id belongs to another request' },
  precondition_failed: { status: 412, title: 'The precondition does not hold' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body is not JSON' },
  expectation_failed: { status: 417, title: 'The expectation cannot be met' },
  misdirected_request: { status: 421, title: 'The call is meant for another host' },
  too_many_requests: { status: 429, title: 'The caller sends too many calls' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  migration_failed: { status: 409, title: 'The migration cannot begin' },
  backup_failed: { status: 503, title: 'The backups cannot be reached' },
  internal_error: { status: 500, title: 'The service failed' },
  storage_unavailable: { status: 503, title: 'The store is not available' },
  storage_damaged: { status: 503, title: 'The store is damaged' },
  deadline_exceeded: { status: 503, title: 'The call took too long' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type ProblemCode = keyof typeof problemTypes;

export const isProblemCode = (code: string): code is ProblemCode => Object.hasOwn(problemTypes, code);

/** Seconds a caller should wait before it retries the same call. */
export const RETRY_AFTER_SECONDS = 5;
