/** Calls on single entities, and what their problems mean. */
import { type CollectionName, MAX_INTEGER } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { type StorageError, ValidationError } from '../repository/errors.ts';
import type { Expectation } from '../repository/guarded-write.ts';
import type { ProblemDetails } from '../service/http/problems.ts';
import { type ApiAnswer, type ApiCall, type ApiClient, ApiProblem, type Effect } from './api-client.ts';
import { entityPath } from './call-path.ts';
import { codeOf, conflictError, errorOf, isConflict, type Target } from './problem-errors.ts';
import { AnswerLostError } from './remote-errors.ts';

/** @throws ValidationError where it is no version; the API would take it for one that no entity has */
export function requireExpectation(expectation: unknown): void {
  if (expectation === undefined || expectation === 'exists') return;
  if (Number.isInteger(expectation) && (expectation as number) >= 0) return;
  throw new ValidationError([{ path: 'expected_version', message: 'must be an integer of at least 0' }]);
}

/** What a write asks of the version, by its option or by the entity's own. The API refuses where they disagree. */
export const effectiveExpectation = (option: Expectation, sent: number | undefined): Expectation =>
  typeof option === 'number' ? option : (sent ?? option);

/** Only a version makes a write safe to send twice: that an entity exists holds afterwards too. */
export const effectOf = (expect: Expectation): Effect => (typeof expect === 'number' ? 'guarded' : 'unguarded');

/** An expected version in the range of the API; none beyond it is ever reached. */
export const inRange = (version: number): number => Math.min(version, MAX_INTEGER);

/** The headers that ask for a version. `"0"` is no version, so that it never holds where there is an entity. */
export function preconditions(method: ApiCall['method'], expectation: Expectation): Record<string, string> {
  if (expectation === undefined) return {};
  if (expectation === 'exists') return { 'If-Match': '*' };
  if (expectation === 0 && method === 'PUT') return { 'If-None-Match': '*' };
  return { 'If-Match': `"${inRange(expectation)}"` };
}

/** Reads one entity; undefined where there is none. */
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
 * What the problem of a write is to the caller. A conflict carries the entity that won, which the answer does not have.
 * Where an earlier answer was lost, a conflict may be with the caller's own write: then nothing is claimed.
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

/** The error of a write whose first answer was lost, and whose second says that something has changed since. */
const lostAnswer = ({ method, path }: ApiCall, { detail }: ProblemDetails): AnswerLostError =>
  new AnswerLostError(
    `${method} ${path}`,
    `its answer was lost, and sent again it was refused (${detail.replace(/\. .*$/s, '')})`,
  );

/** Makes a write on one entity. */
export async function callOn(api: ApiClient, target: Target, call: ApiCall): Promise<ApiAnswer> {
  try {
    return await api.call(call);
  } catch (error) {
    throw error instanceof ApiProblem ? await writeError(api, error, target) : error;
  }
}
