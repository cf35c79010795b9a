/** Batches: what does not fit into one call or answer goes into several. */
import { type CollectionName, idFieldOf } from '../model/collections.ts';
import type { Entity, JsonObject } from '../model/entities.ts';
import { MAX_BATCH_ENTITIES } from '../model/limits.ts';
import { type StorageError, ValidationError } from '../repository/errors.ts';
import { sizeInAnswer } from '../service/http/answer-size.ts';
import type { ProblemDetails } from '../service/http/problems.ts';
import { type ApiAnswer, type ApiClient, ApiProblem, type Effect } from './api-client.ts';
import { readEntity } from './entity-calls.ts';
import { conflictError, errorOf, isConflict, type Target } from './problem-errors.ts';
import { AnswerLostError, RemoteCallError } from './remote-errors.ts';

/** Room for the entities of one call. Lambda: 6 MB for an event, in which the body is a string once more escaped. */
export const MAX_CALL_BYTES = 5_000_000;

/** @throws ValidationError where it is not a list of 1 to 1,000 */
export function requireBatch(path: string, items: readonly unknown[]): void {
  if (Array.isArray(items) && items.length > 0 && items.length <= MAX_BATCH_ENTITIES) return;
  throw new ValidationError([{ path, message: `must be a list of 1 to ${MAX_BATCH_ENTITIES}` }]);
}

/** @throws ValidationError where an id comes twice: the parts of a split batch could not tell */
export function requireDistinct(collection: CollectionName, entities: readonly unknown[]): void {
  const seen = new Set<string>();
  for (const [i, entity] of entities.entries()) {
    const id = (entity as Record<string, unknown> | null)?.[idFieldOf(collection)];
    if (typeof id !== 'string') continue;
    if (seen.has(id)) {
      const message = `has the id ${JSON.stringify(id)} of an entity before it; an id may come once in a batch`;
      throw new ValidationError([{ path: `entities[${i}]`, message }]);
    }
    seen.add(id);
  }
}

/** Splits a list so that each part fits into one call. */
export function* partsThatFit<T>(items: readonly T[], sizeOf: (item: T) => number, room: number): Generator<T[]> {
  let part: T[] = [];
  let used = 0;
  for (const item of items) {
    const size = sizeOf(item) + 1;
    if (part.length > 0 && used + size > room) {
      yield part;
      part = [];
      used = 0;
    }
    part.push(item);
    used += size;
  }
  if (part.length > 0) yield part;
}

/** Bytes an entity takes in the body of a call. */
export const sizeInCall = sizeInAnswer;

/** Makes a call of a batch, with the repository's errors. */
async function post(api: ApiClient, path: string, body: object, effect: Effect): Promise<ApiAnswer> {
  try {
    return await api.call({ method: 'POST', path, body, effect });
  } catch (error) {
    throw error instanceof ApiProblem ? errorOf(error.problem) : error;
  }
}

/** Gets entities by distinct ids: those found, in the order of the ids. What an answer had no room for is asked again. */
export async function readEntities(
  api: ApiClient,
  collection: CollectionName,
  ids: readonly string[],
): Promise<{ items: Entity[]; missing: string[] }> {
  const items: Entity[] = [];
  const missing: string[] = [];
  let left: readonly string[] = ids;
  while (left.length > 0) {
    const { body } = await post(api, '/v1/batch/get', { collection, ids: left }, 'read');
    const answer = body as { items: Entity[]; missing: string[]; unprocessed?: string[] };
    items.push(...answer.items);
    missing.push(...answer.missing);
    const { unprocessed = [] } = answer;
    // The API promises progress; without it this would go on for ever.
    if (unprocessed.length >= left.length) {
      throw new RemoteCallError('unexpected_answer', 200, 'A batch get was answered with nothing but unprocessed ids.');
    }
    left = unprocessed;
  }
  return { items, missing };
}

/** What the API says of one entity of a batch. */
interface SaveOutcome {
  readonly status: 'saved' | 'conflict' | 'invalid' | 'failed';
  readonly version?: number;
  readonly problem?: ProblemDetails;
}

/** What became of one entity. */
export type Saved = { readonly version: number } | { readonly error: StorageError };

/** An entity to save, checked. */
export interface ToSave {
  readonly target: Target;
  /** As it is sent. */
  readonly body: JsonObject;
}

const lost = ({ target: { collection, id } }: ToSave): AnswerLostError =>
  new AnswerLostError(
    `${collection} ${JSON.stringify(id)}`,
    'the answer was lost, and sent again it met another version',
  );

async function outcomeOf(api: ApiClient, entity: ToSave, outcome: SaveOutcome, repeated: boolean): Promise<Saved> {
  const { status, version, problem } = outcome;
  if (version !== undefined) return { version };
  // The version that it met may be its own.
  if (repeated && status === 'conflict') return { error: lost(entity) };
  if (problem === undefined) throw new RemoteCallError('unexpected_answer', 200, 'A batch save was answered in part.');
  if (!isConflict(problem) || problem.current_version === 0) return { error: errorOf(problem, entity.target) };
  const { collection, id } = entity.target;
  const current = await readEntity(api, collection, id).catch(() => undefined);
  return { error: conflictError(entity.target, problem, current) };
}

/**
 * Saves entities that fit into one call.
 * @throws whatever a call may throw; what is not known then, `AnswerLostError` says
 */
export async function saveTogether(
  api: ApiClient,
  collection: CollectionName,
  part: readonly ToSave[],
): Promise<Saved[]> {
  const guarded = part.every(({ target }) => typeof target.expect === 'number');
  const entities = part.map(({ body }) => body);
  const answer = await post(api, '/v1/batch/save', { collection, entities }, guarded ? 'guarded' : 'unguarded');
  const outcomes = answer.body.results as readonly SaveOutcome[];
  const saved: Saved[] = [];
  for (const [i, entity] of part.entries()) {
    saved.push(await outcomeOf(api, entity, outcomes[i] ?? { status: 'failed' }, answer.afterLostAnswer));
  }
  return saved;
}
