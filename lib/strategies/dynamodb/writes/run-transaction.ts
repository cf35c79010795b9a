import { randomUUID } from 'node:crypto';
import { ConcurrencyConflictError, TransactionTooLargeError } from '../../../repository/errors.ts';
import { versionOf } from '../../../repository/guarded-write.ts';
import {
  backOff,
  type Cancellation,
  CONTENTION_MS,
  contended,
  type DynamodbCalls,
  requireRetryable,
} from '../calls/dynamodb-calls.ts';
import { entityOf, WRITE_ID } from '../items/item-codec.ts';
import type { DynamodbTransaction, TransactionWrite } from './dynamodb-transaction.ts';
import { MAX_ATOMIC_WRITES } from './list-commit.ts';

/**
 * Runs a transaction until it commits: again from the beginning if something that it has read has changed.
 * @param begin makes a transaction for each attempt
 * @throws StorageUnavailableError if others keep changing what it reads
 */
export async function runTransaction<T>(
  calls: DynamodbCalls,
  begin: () => DynamodbTransaction,
  work: (transaction: DynamodbTransaction) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + CONTENTION_MS;
  for (let attempt = 1; ; attempt++) {
    const transaction = begin();
    const result = await work(transaction);
    const writeId = randomUUID();
    const { writes, changes } = await transaction.commands(writeId);
    // A single read is consistent on its own.
    if (writes.length === 0 || (writes.length === 1 && !changes)) return result;
    if (writes.length > MAX_ATOMIC_WRITES) throw new TransactionTooLargeError(MAX_ATOMIC_WRITES);
    const failures = await calls.writeAll(
      writes.map(({ command }) => command),
      writeId,
    );
    if (failures === undefined) return result;
    requireConditions(writes, failures);
    requireRetryable(failures);
    if (performance.now() > deadline) throw contended(failures);
    await backOff(attempt);
  }
}

/** @throws ConcurrencyConflictError if a caller's condition does not hold for an entity that has not changed since it was read */
function requireConditions(writes: readonly TransactionWrite[], failures: readonly Cancellation[]): void {
  for (const [i, { code, current }] of failures.entries()) {
    const conditional = writes[i]?.conditional;
    if (code !== 'ConditionalCheckFailed' || conditional === undefined) continue;
    const { collection, id, item } = conditional;
    if (current?.version !== item?.version || current?.[WRITE_ID] !== item?.[WRITE_ID]) continue;
    const entity = current === undefined ? undefined : entityOf(collection, current);
    throw new ConcurrencyConflictError(collection, id, 'exists', versionOf(entity), entity);
  }
}
