import { startDynamodb } from './dynamodb.ts';
import { startPostgresql } from './postgresql.ts';
import { startS3 } from './s3.ts';
import { running, type Service, stopServices } from './service.ts';

const starters: readonly (() => Promise<Service>)[] = [startS3, startPostgresql, startDynamodb];

/**
 * Starts every server that the tests need, once for all test files.
 * @throws Error of one line that says what is missing; nothing is skipped silently
 */
// biome-ignore lint/style/noDefaultExport: Jest calls the default export.
export default async function start(): Promise<void> {
  const outcomes = await Promise.allSettled(starters.map((starter) => starter()));
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') continue;
    running.push(outcome.value);
    Object.assign(process.env, outcome.value.environment);
  }
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return;
  await stopServices();
  const message = failed.reason instanceof Error ? failed.reason.message : String(failed.reason);
  const error = new Error(message);
  // Where it was thrown helps nobody who has to install something.
  error.stack = message;
  throw error;
}
