/** Writes that one conditional DynamoDB call can perform, guard included. */
import type { Entity } from '../../../model/entities.ts';
import { applyWrite, type GuardedWrite } from '../../../repository/guarded-write.ts';
import type { SingleWrite } from '../calls/dynamodb-calls.ts';
import { entityOf, type Item, isHidden } from '../items/item-codec.ts';
import { createItem, deleteItem, patchItem, replaceItem } from './write-commands.ts';

/** The call that performs a write; undefined if the item must be read first. */
export function singleCall(table: string, write: GuardedWrite, writeId: string): SingleWrite | undefined {
  switch (write.kind) {
    case 'put':
      return write.expect === 0
        ? { put: createItem(table, write, writeId) }
        : { update: replaceItem(table, write, writeId) };
    case 'patch': {
      const update = patchItem(table, write, writeId);
      return update === undefined ? undefined : { update };
    }
    case 'delete':
      return write.unreferencedBy.length === 0 ? { delete: deleteItem(table, write) } : undefined;
    case 'check':
      return undefined;
  }
}

/** The entity that results from a write. */
export function resultOf(write: GuardedWrite, item: Item | undefined): Entity | undefined {
  if (write.kind === 'put' && item === undefined) return applyWrite(write, undefined);
  return item === undefined || write.kind === 'delete' ? undefined : entityOf(write.collection, item);
}

/** The entity that a write depends on. */
export const visible = ({ collection }: GuardedWrite, item: Item | undefined): Entity | undefined =>
  item === undefined || isHidden(item) ? undefined : entityOf(collection, item);
