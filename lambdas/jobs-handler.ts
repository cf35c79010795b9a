import type { JobsFunction } from '../lib/service/jobs.ts';
import { RequestError } from '../lib/service/request-error.ts';
import type { Operation } from '../lib/service/routes.ts';
import { type ApiHandler, answering } from './api-answering.ts';

/** The handler of an operation on jobs: those of the caller, who is the local server. */
export const jobsHandler = (operation: Operation, serve: JobsFunction): ApiHandler =>
  answering(operation, async (request, { jobs }) => {
    if (jobs === undefined) throw new RequestError('unsupported_operation', 'This service has no background jobs.');
    return serve(jobs, request);
  });
