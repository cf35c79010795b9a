import { WriteRejected } from '../repository/guarded-write.ts';
import type { WriteOutcome } from '../repository/storage-strategy.ts';

/**
 * How many of several deletions were done. One that was refused, because the entity has changed or is referred to, is none.
 * @throws the first error of any other kind: then the store could not be asked
 */
export function countDeleted(outcomes: readonly WriteOutcome[]): number {
  let deleted = 0;
  for (const outcome of outcomes) {
    if ('entities' in outcome) deleted++;
    else if (!(outcome.error instanceof WriteRejected)) throw outcome.error;
  }
  return deleted;
}
