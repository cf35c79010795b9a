import { checkBody } from './check-body.ts';
import { backupBody } from './job-schemas.ts';
import type { JobsFunction } from './jobs.ts';
import { refuseQuery } from './parameters.ts';
import { jsonAnswer } from './service.ts';

/** `POST /v1/backups`: 202 with the backup that has begun. */
export const startBackup: JobsFunction = async (jobs, request) => {
  refuseQuery(request);
  return jsonAnswer(202, await jobs.startBackup(checkBody(backupBody, request.body ?? {})));
};
