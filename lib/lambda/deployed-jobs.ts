import { StateMachineRunner } from '../jobs/state-machine-runner.ts';
import { StoredJobs } from '../jobs/stored-jobs.ts';
import type { Jobs } from '../service/jobs.ts';
import { deployedConfig, stateLocation } from './deployed-stores.ts';

/** The jobs of a deployment. */
export async function openDeployedJobs(): Promise<Jobs> {
  const file = await deployedConfig();
  const states = await stateLocation();
  return new StoredJobs(file, new StateMachineRunner({ states, limitOf: (kind) => file.config[kind].jobs_at_once }));
}
