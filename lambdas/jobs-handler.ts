import type { Jobs, JobsFunction } from '../lib/service/jobs.ts';
import type { Operation } from '../lib/service/routes.ts';
import { type ApiHandler, answering } from './api-answering.ts';

let deployed: Promise<Jobs> | undefined;

/** The jobs of a deployment. Imported only there: the local server has its own. */
const deployedJobs = (): Promise<Jobs> => {
  deployed ??= import('./state-machine-jobs.ts').then(({ StateMachineJobs }) => new StateMachineJobs());
  return deployed;
};

/** The handler of an operation on jobs: those of the caller, who is the local server, or those of the deployment. */
export const jobsHandler = (operation: Operation, serve: JobsFunction): ApiHandler =>
  answering(operation, async (request, { jobs }) => serve(jobs ?? (await deployedJobs()), request));
