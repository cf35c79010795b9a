import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_TRANSACTION_ENTITIES } from '../model/limits.ts';
import { StorageUnavailableError, TransactionTooLargeError } from '../repository/errors.ts';
import type { Transaction } from '../repository/repository.ts';
import { type OperationSettings, SessionOperations } from '../repository/session-operations.ts';
import { type ApiClient, ApiProblem } from './api-client.ts';
import { HttpTransaction, type TransactionReads } from './http-transaction.ts';
import { codeOf, isConflict } from './problem-errors.ts';
import { pauseAfter } from './retry-policy.ts';
import { sendTransaction, type TransactionOperation, transactionError } from './transaction-calls.ts';

/** Others may be faster each time; one of them is, so that all come to an end. */
const ATTEMPTS = 50;
const PAUSES = { baseMs: 10, longestPauseMs: 500 };

interface Attempt<T> {
  readonly value: T;
  readonly operations: readonly TransactionOperation[];
}

async function attempt<T>(
  reads: TransactionReads,
  settings: OperationSettings,
  work: (tx: Transaction) => Promise<T>,
): Promise<Attempt<T>> {
  const session = new HttpTransaction(reads);
  const touched = new Set<string>();
  const tx = new SessionOperations(session, settings, (collection, id) => {
    touched.add(`${collection}/${id}`);
    if (touched.size > MAX_TRANSACTION_ENTITIES) throw new TransactionTooLargeError(MAX_TRANSACTION_ENTITIES);
  });
  try {
    const value = await work(tx);
    return { value, operations: session.operations() };
  } finally {
    await session.end();
  }
}

/** Whether a commit failed because something read has changed since: running the work again reads it anew. */
const isOutdated = ({ problem, afterLostAnswer }: ApiProblem, operations: readonly TransactionOperation[]): boolean => {
  const stale = isConflict(problem) || codeOf(problem) === 'entity_not_found';
  // Where an earlier answer was lost, what has changed may be what this transaction itself wrote.
  return stale && (!afterLostAnswer || operations.every(({ action }) => action === 'check'));
};

/**
 * Runs `work` and commits what it wrote by one call, which holds only if nothing it read has changed. Otherwise `work`
 * runs again.
 * @throws whatever `work` throws, AnswerLostError, and the errors of a commit that is refused
 */
export async function runTransaction<T>(
  api: ApiClient,
  reads: TransactionReads,
  settings: OperationSettings,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  for (let count = 1; ; count++) {
    const { value, operations } = await attempt(reads, settings, work);
    // A single read is of one moment in any case.
    if (operations.length === 0 || (operations.length === 1 && operations[0]?.action === 'check')) return value;
    // The API counts operations. Each entity has one of them, but those written several times.
    if (operations.length > MAX_TRANSACTION_ENTITIES) throw new TransactionTooLargeError(MAX_TRANSACTION_ENTITIES);
    try {
      await sendTransaction(api, operations);
      return value;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (!isOutdated(error, operations)) throw await transactionError(api, error, operations);
      if (count === ATTEMPTS) {
        const message = `The transaction was run ${ATTEMPTS} times, and each time others changed what it had read. Try again in a while.`;
        throw new StorageUnavailableError(message, { cause: error });
      }
    }
    await sleep(pauseAfter(Math.min(count, 10), PAUSES));
  }
}
