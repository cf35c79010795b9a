import { RequestError } from '../service/http/request-error.ts';
import type { Operation } from '../service/http/routes.ts';
import type { Jobs, JobsFunction } from '../service/jobs.ts';
import { type ApiHandler, answering } from './api-answering.ts';

let deployed: Promise<Jobs> | undefined;

/** The jobs of a deployment. Imported only there: the local server has its own. */
const deployedJobs = (): Promise<Jobs> => {
  deployed ??= import('./deployed-jobs.ts').then(({ openDeployedJobs }) => openDeployedJobs());
  return deployed;
};

/**
 * The handler of an operation on jobs: those of the caller, who is the local server, or those of the deployment.
 * @throws RequestError where a local server has none
 */
export const jobsHandler = (operation: Operation, serve: JobsFunction): ApiHandler =>
  answering(operation, async (request, { jobs, repository }) => {
    if (jobs === undefined && repository !== undefined) {
      throw new RequestError(
        'unsupported_operation',
        'This server runs no migrations and backups. Use `hfstorage serve`.',
      );
    }
    return serve(jobs ?? (await deployedJobs()), request);
  });
