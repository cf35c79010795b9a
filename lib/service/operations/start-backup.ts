import { checkBody } from '../http/check-body.ts';
import { backupBody } from '../http/job-schemas.ts';
import { refuseQuery } from '../http/parameters.ts';
import type { JobsFunction } from '../jobs.ts';
import { jsonAnswer } from '../service.ts';

/** `POST /v1/backups`: 202 with the started backup. */
export const startBackup: JobsFunction = async (jobs, request) => {
  refuseQuery(request);
  return jsonAnswer(202, await jobs.startBackup(checkBody(backupBody, request.body ?? {})));
};
