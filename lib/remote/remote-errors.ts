/** Errors of calls over a network: those of the network itself, and the repository's, rebuilt from the problems of the API. */

import { type CollectionName, referencesFrom, referencesTo } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { MAX_TRANSACTION_ENTITIES } from '../model/limits.ts';
import {
  ConcurrencyConflictError,
  EntityExistsError,
  EntityInUseError,
  EntityNotFoundError,
  ReferenceNotFoundError,
  StorageDamagedError,
  StorageError,
  StorageUnavailableError,
  TemplateNotFoundError,
  TransactionTooLargeError,
  UnsupportedOperationError,
  ValidationError,
} from '../repository/errors.ts';
import { type Expectation, versionOf } from '../repository/guarded-write.ts';
import type { ProblemDetails } from '../service/http/problems.ts';

/** The service, or an intermediary, refused a call for a reason that does not come from a store. */
export class RemoteCallError extends StorageError {
  /** The code of the service's problem, or `access_denied`, or `unexpected_answer` if the answer is not the API's. */
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = status;
  }
}

/** A write was sent and its outcome is unknown: it may have been stored or not. It is not retried. */
export class AnswerLostError extends StorageUnavailableError {
  /** @param what for example `PUT /v1/machines/m-1` */
  constructor(what: string, reason: string, options?: ErrorOptions) {
    super(`${what} may have been stored or not: ${reason}. Read the stored entities before you retry.`, options);
  }
}

/** The write that a problem is about. */
export interface Target {
  readonly collection: CollectionName;
  readonly id: string;
  readonly expect?: Expectation;
  /** Its fields as sent. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export const codeOf = ({ type }: ProblemDetails): string => type.replace('urn:hostfactory:problem:', '');

const conflicts: ReadonlySet<string> = new Set(['concurrency_conflict', 'entity_exists', 'precondition_failed']);

/** Whether a problem reports a version other than the call expected. */
export const isConflict = (problem: ProblemDetails): boolean => conflicts.has(codeOf(problem));

/** The error for a version conflict. @param current the current entity, if it could be read */
export function conflictError(target: Target, problem: ProblemDetails, current: Entity | undefined): StorageError {
  const { collection, id, expect = 'exists' } = target;
  const version = current === undefined ? (problem.current_version ?? 0) : versionOf(current);
  if (expect === 0) return new EntityExistsError(collection, id, version);
  return new ConcurrencyConflictError(collection, id, expect, version, current);
}

/** The id quoted in a detail; the fields as sent lack it if a default came from the parent. */
function quotedId(detail: string): string {
  const [text] = /"(?:[^"\\]|\\.)*"/.exec(detail) ?? ['""'];
  return JSON.parse(text) as string;
}

/** The error for a missing parent. The code distinguishes the template from other parents. */
function missingParent(
  { collection, fields = {} }: Target,
  { detail }: ProblemDetails,
  isTemplate: boolean,
): StorageError {
  const reference = referencesFrom(collection).find(({ parent }) => (parent === 'templates') === isTemplate);
  const sent = reference === undefined ? undefined : fields[reference.field];
  const id = typeof sent === 'string' ? sent : quotedId(detail);
  if (isTemplate || reference === undefined) return new TemplateNotFoundError(id);
  return new ReferenceNotFoundError(reference.field, reference.parent, id);
}

/** The collection that still references an entity: the detail names it if there are several. */
function child({ collection }: Target, { detail }: ProblemDetails): CollectionName {
  const candidates = referencesTo(collection).map((reference) => reference.collection);
  return candidates.find((name) => detail.includes(` referred to by ${name}.`)) ?? candidates[0] ?? collection;
}

/**
 * The error that the repository behind the API threw.
 * @param target the entity of the problem; undefined if it concerns no single entity
 */
export function errorOf(problem: ProblemDetails, target?: Target): StorageError {
  const { detail, errors = [{ path: '', message: detail }], status } = problem;
  const code = codeOf(problem);
  if (target !== undefined) {
    if (isConflict(problem)) return conflictError(target, problem, undefined);
    if (code === 'entity_not_found') return new EntityNotFoundError(target.collection, target.id);
    if (code === 'entity_in_use') return new EntityInUseError(target.collection, target.id, child(target, problem));
    if (code === 'template_not_found') return missingParent(target, problem, true);
    if (code === 'reference_not_found') return missingParent(target, problem, false);
  }
  switch (code) {
    case 'validation_failed':
      return new ValidationError(errors);
    case 'transaction_too_large':
      return new TransactionTooLargeError(MAX_TRANSACTION_ENTITIES);
    case 'unsupported_operation':
      return new UnsupportedOperationError(detail);
    case 'storage_unavailable':
    case 'deadline_exceeded':
      return new StorageUnavailableError(detail);
    case 'storage_damaged':
      return new StorageDamagedError(detail);
    default:
      return new RemoteCallError(code, status, detail);
  }
}
