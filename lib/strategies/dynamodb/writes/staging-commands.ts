/** The commands of a staged creation. */
import type { PutWrite } from '../../../repository/guarded-write.ts';
import { Expression } from '../items/expressions.ts';
import { keyOf, STAGED } from '../items/item-codec.ts';
import { createItem, type DeleteItem, type PutItem, type UpdateItem } from './write-commands.ts';

/** Creates an item that is hidden from readers. */
export function stageItem(TableName: string, put: PutWrite, writeId: string, token: string): PutItem {
  const command = createItem(TableName, put, writeId);
  return { ...command, Item: { ...command.Item, [STAGED]: token } };
}

/** Makes an item that was staged under a token visible. */
export function revealItem(TableName: string, { collection, id }: PutWrite, token: string): UpdateItem {
  const expression = new Expression();
  const staged = expression.name(STAGED);
  return {
    TableName,
    Key: keyOf(collection, id),
    UpdateExpression: `REMOVE ${staged}`,
    ConditionExpression: `${staged} = ${expression.value(token)}`,
    ...expression.placeholders,
  };
}

/** Replaces a mark of an item, such as its writer, if it has not changed since it was read. */
export function markItem(
  TableName: string,
  { collection, id }: PutWrite,
  attribute: string,
  from: string,
  to: string,
): UpdateItem {
  const expression = new Expression();
  const mark = expression.name(attribute);
  return {
    TableName,
    Key: keyOf(collection, id),
    UpdateExpression: `SET ${mark} = ${expression.value(to)}`,
    ConditionExpression: `${mark} = ${expression.value(from)}`,
    ...expression.placeholders,
  };
}

/** Deletes an item if it still has a mark. */
export function undoItem(TableName: string, { collection, id }: PutWrite, attribute: string, mark: string): DeleteItem {
  const expression = new Expression();
  const ConditionExpression = `${expression.name(attribute)} = ${expression.value(mark)}`;
  return { TableName, Key: keyOf(collection, id), ConditionExpression, ...expression.placeholders };
}
