import { checkBody } from '../http/check-body.ts';
import { migrationBody } from '../http/job-schemas.ts';
import { refuseQuery } from '../http/parameters.ts';
import type { JobsFunction } from '../jobs.ts';
import { jsonAnswer } from '../service.ts';

/** `POST /v1/migrations`: 202 with the started migration. */
export const startMigration: JobsFunction = async (jobs, request) => {
  refuseQuery(request);
  const job = await jobs.startMigration(checkBody(migrationBody, request.body));
  return jsonAnswer(202, job, { Location: `/v1/migrations/${job.id}` });
};
