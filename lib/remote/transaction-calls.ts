/** `POST /v1/transactions`: lists of operations that take effect together or not at all. */
import type { StorageError } from '../repository/errors.ts';
import type { TransactionOperation } from '../service/http/body-schemas.ts';
import { type ApiCall, type ApiClient, ApiProblem, type Effect } from './api-client.ts';
import { writeError } from './entity-calls.ts';
import { errorOf, type Target } from './problem-errors.ts';

export type { TransactionOperation };

const targetOf = (operation: TransactionOperation): Target => ({
  collection: operation.collection,
  id: operation.id,
  expect: operation.expected_version ?? (operation.action === 'check' ? 'exists' : undefined),
  ...('entity' in operation && { fields: operation.entity }),
  ...('changes' in operation && { fields: operation.changes }),
});

/** A list is safe to send twice where each of its writes asks for a version. */
function effectOf(operations: readonly TransactionOperation[]): Effect {
  const writes = operations.filter(({ action }) => action !== 'check');
  if (writes.length === 0) return 'read';
  return writes.every(({ expected_version }) => expected_version !== undefined) ? 'guarded' : 'unguarded';
}

/**
 * Carries out operations together.
 * @throws ApiProblem, and what a call may throw
 */
export async function sendTransaction(api: ApiClient, operations: readonly TransactionOperation[]): Promise<void> {
  const call: ApiCall = {
    method: 'POST',
    path: '/v1/transactions',
    body: { operations },
    effect: effectOf(operations),
  };
  await api.call(call);
}

/** What the problem of a transaction is to the caller, by the operation that it names. */
export async function transactionError(
  api: ApiClient,
  problem: ApiProblem,
  operations: readonly TransactionOperation[],
): Promise<StorageError> {
  const operation = operations[problem.problem.operation_index ?? -1];
  return operation === undefined ? errorOf(problem.problem) : writeError(api, problem, targetOf(operation));
}

/** As `sendTransaction`, with the repository's errors. */
export async function executeTransaction(api: ApiClient, operations: readonly TransactionOperation[]): Promise<void> {
  try {
    await sendTransaction(api, operations);
  } catch (error) {
    throw error instanceof ApiProblem ? await transactionError(api, error, operations) : error;
  }
}
