/** Those who run jobs: processes of this machine, or executions of state machines. */
import type { JobKind } from '../transfer/job-locks.ts';

/** 'waiting' if other jobs of its kind have to end first. */
export type Activity = 'running' | 'waiting';

export interface JobRunner {
  /**
   * Starts a job whose order is stored, or queues it behind others. Harmless if it is active.
   * @param asked when it was ordered
   */
  start(kind: JobKind, id: string, asked: string): Promise<void>;
  /** Whether a job runs, or will without anybody's help; undefined if not. */
  activityOf(kind: JobKind, id: string): Promise<Activity | undefined>;
}
