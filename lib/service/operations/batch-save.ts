import type { CollectionName } from '../../model/collections.ts';
import type { EntityInput } from '../../model/entities.ts';
import type { BatchSaveResult } from '../../repository/repository.ts';
import { MAX_ANSWER_BYTES, sizeInAnswer } from '../http/answer-size.ts';
import { batchSaveBody } from '../http/body-schemas.ts';
import { checkBody } from '../http/check-body.ts';
import { refuseQuery } from '../http/parameters.ts';
import { type ProblemDetails, problemOf, shorten } from '../http/problems.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';

/** Length of details when the full problems of a batch would not fit into one answer. */
const BRIEF_DETAIL = 200;

function brief({ errors: _, ...problem }: ProblemDetails): ProblemDetails {
  return { ...problem, detail: shorten(problem.detail, BRIEF_DETAIL) };
}

function resultOf(result: BatchSaveResult<CollectionName>, problem: (error: unknown) => ProblemDetails) {
  const { id, status } = result;
  const about = { ...(id !== undefined && { id }), status };
  return status === 'saved'
    ? { ...about, version: result.entity.version }
    : { ...about, problem: problem(result.error) };
}

/** `POST /v1/batch/save`: up to 1,000 entities, each on its own, with one result per entity in order. */
export const batchSave: ServiceFunction = async (repository, request) => {
  refuseQuery(request);
  const { collection, entities } = checkBody(batchSaveBody, request.body);
  const results = await repository.saveEntities(collection, entities as EntityInput<typeof collection>[]);
  const failures = results.flatMap((result) => (result.status === 'failed' ? [result.error] : []));
  const answer = { results: results.map((result) => resultOf(result, problemOf)) };
  if (sizeInAnswer(answer) <= MAX_ANSWER_BYTES) return { ...jsonAnswer(200, answer), failures };
  const shorter = { results: results.map((result) => resultOf(result, (error) => brief(problemOf(error)))) };
  return { ...jsonAnswer(200, shorter), failures };
};
