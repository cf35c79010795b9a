import { type CollectionName, idFieldOf } from '../../model/collections.ts';
import type { EntityChanges, EntityInput } from '../../model/entities.ts';
import type { Transaction } from '../../repository/repository.ts';
import { type TransactionOperation, transactionBody } from '../http/body-schemas.ts';
import { checkBody, withId } from '../http/check-body.ts';
import { refuseQuery } from '../http/parameters.ts';
import { OperationError } from '../http/request-error.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';

/** Runs one operation and returns the entity's resulting version, if known. */
async function run(tx: Transaction, operation: TransactionOperation): Promise<number | undefined> {
  const { collection, id, expected_version: expectedVersion } = operation;
  const idField = idFieldOf(collection);
  switch (operation.action) {
    case 'save': {
      const entity = withId(idField, id, operation.entity, 'entity') as EntityInput<CollectionName>;
      return (await tx.saveEntity(collection, entity, { expectedVersion })).version;
    }
    case 'update': {
      const changes = withId(idField, id, operation.changes, 'changes') as EntityChanges<CollectionName>;
      return (await tx.updateEntity(collection, id, changes, { expectedVersion })).version;
    }
    case 'delete':
      await tx.deleteEntity(collection, id, { expectedVersion });
      return undefined;
    case 'check':
      await tx.checkEntity(collection, id, { expectedVersion });
      return expectedVersion || undefined;
  }
}

/** `POST /v1/transactions`: up to 100 operations, in order, all or nothing. */
export const executeTransaction: ServiceFunction = async (repository, request) => {
  refuseQuery(request);
  const { operations } = checkBody(transactionBody, request.body);
  // The index is recorded outside the transaction instead of wrapping the error inside: the store must see its own errors
  // to retry conflicts.
  let running: number | undefined;
  try {
    const results = await repository.transaction(async (tx) => {
      const versions: (number | undefined)[] = [];
      for (const [i, operation] of operations.entries()) {
        running = i;
        versions.push(await run(tx, operation));
      }
      running = undefined;
      return operations.map(({ collection, id }, i) => ({ collection, id, version: versions[i] }));
    });
    return jsonAnswer(200, { results });
  } catch (error) {
    throw running === undefined ? error : new OperationError(running, error);
  }
};
