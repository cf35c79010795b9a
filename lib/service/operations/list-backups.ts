import { refuseQuery } from '../http/parameters.ts';
import type { JobsFunction } from '../jobs.ts';
import { jsonAnswer } from '../service.ts';

/** `GET /v1/backups`: newest first. */
export const listBackups: JobsFunction = async (jobs, request) => {
  refuseQuery(request);
  return jsonAnswer(200, { items: await jobs.backups() });
};
