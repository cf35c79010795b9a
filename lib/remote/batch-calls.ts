/** Batch calls: entities that do not fit into one call or answer are split over several. */
import { type CollectionName, idFieldOf } from '../model/collections.ts';
import type { Entity, JsonObject } from '../model/entities.ts';
import { MAX_BATCH_ENTITIES } from '../model/limits.ts';
import { now } from '../model/timestamps.ts';
import { type StorageError, ValidationError } from '../repository/errors.ts';
import { versionOf } from '../repository/guarded-write.ts';
import { sizeInAnswer } from '../service/http/answer-size.ts';
import type { ProblemDetails } from '../service/http/problems.ts';
import { type ApiAnswer, type ApiClient, ApiProblem, type Effect } from './api-client.ts';
import { readEntity } from './entity-calls.ts';
import { AnswerLostError, conflictError, errorOf, isConflict, RemoteCallError, type Target } from './remote-errors.ts';

/** Most bytes of entities in one call. Lambda: 6 MB for an event, in which the body is a string, escaped once more. */
export const MAX_CALL_BYTES = 5_000_000;

/** @throws ValidationError unless it is a list of 1 to 1,000 */
export function requireBatch(path: string, items: readonly unknown[]): void {
  if (Array.isArray(items) && items.length > 0 && items.length <= MAX_BATCH_ENTITIES) return;
  throw new ValidationError([{ path, message: `must be a list of 1 to ${MAX_BATCH_ENTITIES}` }]);
}

/** @throws ValidationError if an id comes twice: the service cannot detect it across the parts of a split batch */
export function requireDistinct(collection: CollectionName, entities: readonly unknown[]): void {
  const seen = new Set<string>();
  for (const [i, entity] of entities.entries()) {
    const id = (entity as Record<string, unknown> | null)?.[idFieldOf(collection)];
    if (typeof id !== 'string') continue;
    if (seen.has(id)) {
      const message = `has the id ${JSON.stringify(id)} of an earlier entity; an id may occur only once in a batch`;
      throw new ValidationError([{ path: `entities[${i}]`, message }]);
    }
    seen.add(id);
  }
}

/** Splits a list so that each part fits into one call. */
export function* partsThatFit<T>(items: readonly T[], sizeOf: (item: T) => number, limit: number): Generator<T[]> {
  let part: T[] = [];
  let used = 0;
  for (const item of items) {
    const size = sizeOf(item) + 1;
    if (part.length > 0 && used + size > limit) {
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

/** Makes a batch call and throws the repository's errors. */
async function post(api: ApiClient, path: string, body: object, effect: Effect): Promise<ApiAnswer> {
  try {
    return await api.call({ method: 'POST', path, body, effect });
  } catch (error) {
    throw error instanceof ApiProblem ? errorOf(error.problem) : error;
  }
}

/** Gets entities by distinct ids, in the order of the ids. Unprocessed ids are requested again. */
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
    // The API promises progress; without it this loop would never end.
    if (unprocessed.length >= left.length) {
      throw new RemoteCallError(
        'unexpected_answer',
        200,
        'A batch get returned nothing but unprocessed ids. Check that the URL is that of the API.',
      );
    }
    left = unprocessed;
  }
  return { items, missing };
}

/** The API's result for one entity of a batch. */
interface SaveOutcome {
  readonly status: 'saved' | 'conflict' | 'invalid' | 'failed';
  readonly version?: number;
  readonly problem?: ProblemDetails;
}

/** The outcome for one entity. */
export type Saved = { readonly version: number } | { readonly error: StorageError };

/** A validated entity to save. */
export interface ToSave {
  readonly target: Target;
  /** The entity as sent. */
  readonly body: JsonObject;
}

const lost = ({ target: { collection, id } }: ToSave): AnswerLostError =>
  new AnswerLostError(
    `${collection} ${JSON.stringify(id)}`,
    'the answer was lost, and the retry found another version',
  );

async function outcomeOf(api: ApiClient, entity: ToSave, outcome: SaveOutcome, repeated: boolean): Promise<Saved> {
  const { status, version, problem } = outcome;
  if (version !== undefined) return { version };
  // The version it conflicts with may be the one it wrote itself.
  if (repeated && status === 'conflict') return { error: lost(entity) };
  if (problem === undefined)
    throw new RemoteCallError(
      'unexpected_answer',
      200,
      'A batch save returned no result for some entities. Check that the URL is that of the API.',
    );
  if (!isConflict(problem) || problem.current_version === 0) return { error: errorOf(problem, entity.target) };
  const { collection, id } = entity.target;
  const current = await readEntity(api, collection, id).catch(() => undefined);
  return { error: conflictError(entity.target, problem, current) };
}

/**
 * Saves entities that fit into one call.
 * @throws whatever a call may throw; `AnswerLostError` if the outcome is unknown
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

/** A write whose answer contained only the new version. */
export interface Written {
  readonly id: string;
  /** The fields as sent. */
  readonly fields: JsonObject;
  readonly version: number;
}

/**
 * The entities that writes stored, read back, since the service fills in times and defaults. If another caller has written
 * an entity since, the fields as sent are returned with the version they were stored under.
 */
export async function asStored(
  api: ApiClient,
  collection: CollectionName,
  written: readonly Written[],
): Promise<Map<string, Entity>> {
  if (written.length === 0) return new Map();
  const ids = written.map(({ id }) => id);
  const { items, missing } = await readEntities(api, collection, ids);
  const absent = new Set(missing);
  // Items come in the order of the ids.
  const present = items.values();
  const entities = written.map(({ id, fields, version }): [string, Entity] => {
    const found = absent.has(id) ? undefined : present.next().value;
    if (found !== undefined && versionOf(found) === version) return [id, found];
    const at = now();
    const times = { created_at: found?.created_at ?? fields.created_at ?? at, updated_at: found?.updated_at ?? at };
    const template = found?.template_id === undefined ? {} : { template_id: found.template_id };
    return [id, { ...template, ...fields, ...times, version }];
  });
  return new Map(entities);
}
