/** Calls on single entities, and the errors for their problems. */
import { type CollectionName, MAX_INTEGER } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { type StorageError, ValidationError } from '../repository/errors.ts';
import type { Expectation } from '../repository/guarded-write.ts';
import type { ProblemDetails } from '../service/http/problems.ts';
import { type ApiAnswer, type ApiCall, type ApiClient, ApiProblem, type Effect } from './api-client.ts';
import { entityPath } from './call-path.ts';
import { AnswerLostError, codeOf, conflictError, errorOf, isConflict, type Target } from './remote-errors.ts';

/** @throws ValidationError if it is not a version; the API would treat it as one that no entity has */
export function requireExpectation(expectation: unknown): void {
  if (expectation === undefined || expectation === 'exists') return;
  if (Number.isInteger(expectation) && (expectation as number) >= 0) return;
  throw new ValidationError([{ path: 'expected_version', message: 'must be an integer of at least 0' }]);
}

/** The version that a write expects, by its option or the entity's own version. The API refuses a contradiction. */
export const effectiveExpectation = (option: Expectation, entityVersion: number | undefined): Expectation =>
  typeof option === 'number' ? option : (entityVersion ?? option);

/** Only an expected version makes a write safe to retry: `exists` still holds afterwards. */
export const effectOf = (expect: Expectation): Effect => (typeof expect === 'number' ? 'guarded' : 'unguarded');

/** Limits an expected version to the range of the API; no entity reaches a higher one. */
export const inRange = (version: number): number => Math.min(version, MAX_INTEGER);

/** The headers that expect a version. `"0"` is not a version, so it never holds for an existing entity. */
export function preconditions(method: ApiCall['method'], expectation: Expectation): Record<string, string> {
  if (expectation === undefined) return {};
  if (expectation === 'exists') return { 'If-Match': '*' };
  if (expectation === 0 && method === 'PUT') return { 'If-None-Match': '*' };
  return { 'If-Match': `"${inRange(expectation)}"` };
}

/** Reads one entity; undefined if it does not exist. */
export async function readEntity(api: ApiClient, collection: CollectionName, id: string): Promise<Entity | undefined> {
  try {
    const { body } = await api.call({ method: 'GET', path: entityPath(collection, id), effect: 'read' });
    return body as Entity;
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    if (error.code === 'entity_not_found') return undefined;
    throw errorOf(error.problem);
  }
}

/**
 * The error for the problem of a write. A conflict carries the entity that won, which is not in the answer. If an earlier
 * answer was lost, a conflict may be with the caller's own write: then the outcome is reported as unknown.
 */
export async function writeError(
  api: ApiClient,
  { call, problem, afterLostAnswer }: ApiProblem,
  target: Target,
): Promise<StorageError> {
  const conflict = isConflict(problem);
  if (afterLostAnswer && (conflict || codeOf(problem) === 'entity_not_found')) {
    return lostAnswer(call, problem);
  }
  if (!conflict || target.expect === 0 || problem.current_version === 0) return errorOf(problem, target);
  const current = await readEntity(api, target.collection, target.id).catch(() => undefined);
  return conflictError(target, problem, current);
}

/** The error for a write whose first answer was lost and whose retry was refused because something has changed since. */
const lostAnswer = ({ method, path }: ApiCall, { detail }: ProblemDetails): AnswerLostError =>
  new AnswerLostError(
    `${method} ${path}`,
    `its answer was lost, and the retry was refused (${detail.replace(/\. .*$/s, '')})`,
  );

/** Makes a write on one entity. */
export async function callOn(api: ApiClient, target: Target, call: ApiCall): Promise<ApiAnswer> {
  try {
    return await api.call(call);
  } catch (error) {
    throw error instanceof ApiProblem ? await writeError(api, error, target) : error;
  }
}
