import { StorageError } from '../../lib/repository/errors.ts';

/** The error an operation ends with; an operation that succeeds, or fails with something else, fails the test. */
export async function rejection(operation: Promise<unknown>): Promise<StorageError> {
  const outcome = await operation.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('value' in outcome) throw new Error(`It succeeded with ${JSON.stringify(outcome.value)}.`);
  if (outcome.error instanceof StorageError) return outcome.error;
  throw outcome.error;
}
