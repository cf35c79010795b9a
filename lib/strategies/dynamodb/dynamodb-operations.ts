import type { CollectionName } from '../../model/collections.ts';
import type { EntityChanges, EntityOf } from '../../model/entities.ts';
import { type OperationSettings, SessionOperations } from '../../repository/session-operations.ts';
import { conditionText, type ExpressionValues } from './writes/condition-expressions.ts';
import type { DynamodbTransaction } from './writes/dynamodb-transaction.ts';
import type { ExtraCondition } from './writes/write-commands.ts';

/** A condition that must hold for an update, in the form of SPEC.md. */
export interface UpdateCondition {
  /** Such as `attribute_exists(request_id) AND version = :expected`, with literal field names. */
  readonly conditionExpression: string;
  /** Values by their names in the expression: `{ ':expected': 3 }`. */
  readonly expressionValues?: ExpressionValues;
}

/** The condition, for the expression of a command. Throws a ValidationError on use if it is invalid. */
export const extraCondition =
  (collection: CollectionName, { conditionExpression, expressionValues = {} }: UpdateCondition): ExtraCondition =>
  (expression) =>
    conditionText(expression, collection, conditionExpression, expressionValues, 'conditionExpression');

/** The operations of a transaction, and SPEC.md's `conditional_update`. */
export class DynamodbOperations extends SessionOperations {
  readonly #transaction: DynamodbTransaction;

  constructor(transaction: DynamodbTransaction, settings: OperationSettings) {
    super(transaction, settings);
    this.#transaction = transaction;
  }

  /**
   * Like `updateEntity`, if a condition holds for the stored entity when the transaction commits. If it does not, the
   * transaction fails with ConcurrencyConflictError.
   */
  async conditionalUpdate<C extends CollectionName>(
    collection: C,
    id: string,
    changes: EntityChanges<C>,
    condition: UpdateCondition,
  ): Promise<EntityOf<C>> {
    const withdraw = this.#transaction.addCondition(collection, id, extraCondition(collection, condition));
    try {
      return await this.updateEntity(collection, id, changes);
    } catch (error) {
      withdraw();
      throw error;
    }
  }
}
