import { Logger } from '@aws-lambda-powertools/logger';
import { loggedError } from './api-log.ts';

const logger = new Logger({ serviceName: 'hostfactory-tasks' });

/** What a task is called with besides its input. */
export interface TaskContext {
  getRemainingTimeInMillis(): number;
}

/** Runs a task and logs how it ended. The error's name tells Step Functions whether trying again is of use. */
export async function logged<R>(task: string, input: object, run: () => Promise<R>): Promise<R> {
  const started = performance.now();
  const line = (): object => ({ task, ...input, duration_ms: Math.round(performance.now() - started) });
  try {
    const result = await run();
    logger.info('task', { ...line(), result });
    return result;
  } catch (error) {
    logger.error('task failed', { ...line(), error: loggedError(error) });
    throw error;
  }
}
