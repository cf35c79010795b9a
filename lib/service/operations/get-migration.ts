import { refuseQuery } from '../http/parameters.ts';
import { shorten } from '../http/problems.ts';
import { RequestError } from '../http/request-error.ts';
import type { JobsFunction } from '../jobs.ts';
import { jsonAnswer } from '../service.ts';

/** `GET /v1/migrations/{id}`: the progress of a migration. */
export const getMigration: JobsFunction = async (jobs, request) => {
  refuseQuery(request);
  const id = request.params.get('id') ?? '';
  const job = await jobs.migration(id);
  if (job !== undefined) return jsonAnswer(200, job);
  throw new RequestError('unknown_migration', `There is no migration ${JSON.stringify(shorten(id, 100))}.`);
};
