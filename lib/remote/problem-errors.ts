/** The errors of the repository, made again from the problems of the API. */
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
  type StorageError,
  StorageUnavailableError,
  TemplateNotFoundError,
  TransactionTooLargeError,
  UnsupportedOperationError,
  ValidationError,
} from '../repository/errors.ts';
import { type Expectation, versionOf } from '../repository/guarded-write.ts';
import type { ProblemDetails } from '../service/http/problems.ts';
import { RemoteCallError } from './remote-errors.ts';

/** The write that a problem is about. */
export interface Target {
  readonly collection: CollectionName;
  readonly id: string;
  readonly expect?: Expectation;
  /** What was sent of its fields. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export const codeOf = ({ type }: ProblemDetails): string => type.replace('urn:hostfactory:problem:', '');

const conflicts: ReadonlySet<string> = new Set(['concurrency_conflict', 'entity_exists', 'precondition_failed']);

/** Whether a problem says that an entity has another version than the call asked for. */
export const isConflict = (problem: ProblemDetails): boolean => conflicts.has(codeOf(problem));

/** The error of a version that does not hold. @param current the entity as it is, where it could be read */
export function conflictError(target: Target, problem: ProblemDetails, current: Entity | undefined): StorageError {
  const { collection, id, expect = 'exists' } = target;
  const version = current === undefined ? (problem.current_version ?? 0) : versionOf(current);
  if (expect === 0) return new EntityExistsError(collection, id, version);
  return new ConcurrencyConflictError(collection, id, expect, version, current);
}

/** An id that a detail quotes; the sent fields do not have it where a default came from the parent. */
function quotedId(detail: string): string {
  const [text] = /"(?:[^"\\]|\\.)*"/.exec(detail) ?? ['""'];
  return JSON.parse(text) as string;
}

/** The error of a missing parent. Of several parents, `template_not_found` and `reference_not_found` tell which. */
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

/** Which collection still refers to an entity: the detail names it where there are several. */
function child({ collection }: Target, { detail }: ProblemDetails): CollectionName {
  const candidates = referencesTo(collection).map((reference) => reference.collection);
  return candidates.find((name) => detail.includes(` referred to by ${name}.`)) ?? candidates[0] ?? collection;
}

/**
 * The error that the repository behind the API threw.
 * @param target what the problem is about; undefined where that is no single entity
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
