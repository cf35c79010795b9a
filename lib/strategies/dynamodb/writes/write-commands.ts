/** Guarded writes as DynamoDB commands: one call each, guard included. */
import { type CollectionName, fieldsOf, idFieldOf } from '../../../model/collections.ts';
import type { Entity, JsonValue } from '../../../model/entities.ts';
import { MAY_BE_TOO_LARGE } from '../../../model/validation.ts';
import type { LoadOver } from '../../../repository/guarded-write.ts';
import {
  type DeleteWrite,
  type Expectation,
  mayLoad,
  type PatchWrite,
  type PutWrite,
  putEntity,
  versionOf,
} from '../../../repository/guarded-write.ts';
import { Expression, type Placeholders } from '../items/expressions.ts';
import {
  BYTES,
  EXTRA,
  encodeValue,
  extraEntry,
  extraKeys,
  extraOf,
  type Item,
  itemOf,
  jsonBytes,
  keyOf,
  STAGED,
  WRITE_ID,
} from '../items/item-codec.ts';

interface Conditional extends Placeholders {
  readonly TableName: string;
  readonly ConditionExpression: string;
}
export interface PutItem extends Placeholders {
  readonly TableName: string;
  readonly Item: Item;
  /** Absent if the item replaces any existing one. */
  readonly ConditionExpression?: string;
}
export interface UpdateItem extends Conditional {
  readonly Key: Item;
  readonly UpdateExpression: string;
}
export interface DeleteItem extends Conditional {
  readonly Key: Item;
}
export type ConditionCheck = DeleteItem;

/** Creates an item. Fails if it exists. */
export function createItem(TableName: string, { collection, ...put }: PutWrite, writeId: string): PutItem {
  const expression = new Expression();
  const entity = putEntity({ collection, ...put }, undefined, 1);
  return {
    TableName,
    Item: itemOf(collection, entity, writeId),
    ConditionExpression: `attribute_not_exists(${expression.name(idFieldOf(collection))})`,
    ...expression.placeholders,
  };
}

/**
 * Replaces an item and keeps its `created_at`; creates it if no version is expected. Fails on an item that another program
 * wrote, which must be read first.
 */
export function replaceItem(TableName: string, put: PutWrite, writeId: string): UpdateItem {
  const { collection, id, fields, at, expect } = put;
  const expression = new Expression();
  const created = typeof fields.created_at === 'string' ? fields.created_at : at;
  const [sets, removes]: [string[], string[]] = [[], []];
  const set = (attribute: string, value: unknown): void => {
    sets.push(`${expression.name(attribute)} = ${expression.value(value)}`);
  };
  for (const name of fieldsOf(collection).keys()) {
    if (name === idFieldOf(collection) || name === 'created_at' || name === 'updated_at' || name === 'version')
      continue;
    const value = fields[name];
    if (value === undefined || value === null) removes.push(expression.name(name));
    else set(name, encodeValue(value));
  }
  set('updated_at', at);
  set(EXTRA, extraOf(collection, fields));
  set(BYTES, jsonBytes(putEntity(put, created, (typeof expect === 'number' ? expect : 0) + 1)));
  set(WRITE_ID, writeId);
  const [createdAt, version] = [expression.name('created_at'), expression.name('version')];
  sets.push(`${createdAt} = if_not_exists(${createdAt}, ${expression.value(created)})`);
  sets.push(`${version} = if_not_exists(${version}, ${expression.value(0)}) + ${expression.value(1)}`);
  const ours = `attribute_exists(${expression.name(BYTES)})`;
  const absent = (): string => `attribute_not_exists(${expression.name(idFieldOf(collection))})`;
  return {
    TableName,
    Key: keyOf(collection, id),
    UpdateExpression: `SET ${sets.join(', ')}${removes.length === 0 ? '' : ` REMOVE ${removes.join(', ')}`}`,
    ConditionExpression: and([
      expect === undefined ? `(${absent()} OR ${ours})` : ours,
      ...expectation(expression, expect),
      notHidden(expression),
      notMine(expression, writeId),
    ]),
    ...expression.placeholders,
  };
}

/**
 * Changes fields of an item; undefined if it must be read first. Fails on an item that another program wrote, and on one
 * that may become too large.
 */
export function patchItem(
  TableName: string,
  patch: PatchWrite,
  writeId: string,
  extra: readonly ExtraCondition[] = [],
): UpdateItem | undefined {
  const { collection, id, set: changes, remove, at, expect } = patch;
  const maxBytesBefore = MAY_BE_TOO_LARGE - jsonBytes(changes);
  if (maxBytesBefore < 0 || expect === 0) return undefined;
  const declared = fieldsOf(collection);
  const expression = new Expression();
  const inExtra = (key: string): string => `${expression.name(EXTRA)}.${expression.name(key)}`;
  const sets: string[] = [];
  const removes: string[] = [];
  for (const field of [...Object.keys(changes), ...remove]) {
    const value = Object.hasOwn(changes, field) ? (changes[field] as JsonValue) : undefined;
    if (declared.has(field)) {
      if (value === undefined) removes.push(expression.name(field));
      else sets.push(`${expression.name(field)} = ${expression.value(encodeValue(value))}`);
      continue;
    }
    const [key, encoded] = value === undefined ? [] : extraEntry(field, value);
    if (key !== undefined) sets.push(`${inExtra(key)} = ${expression.value(encoded)}`);
    removes.push(
      ...extraKeys(field)
        .filter((other) => other !== key)
        .map(inExtra),
    );
  }
  const [bytes, version] = [expression.name(BYTES), expression.name('version')];
  sets.push(`${expression.name('updated_at')} = ${expression.value(at)}`);
  sets.push(`${expression.name(WRITE_ID)} = ${expression.value(writeId)}`);
  sets.push(`${version} = ${version} + ${expression.value(1)}`);
  sets.push(`${bytes} = ${bytes} + ${expression.value(jsonBytes(changes))}`);
  return {
    TableName,
    Key: keyOf(collection, id),
    UpdateExpression: `SET ${sets.join(', ')}${removes.length === 0 ? '' : ` REMOVE ${removes.join(', ')}`}`,
    ConditionExpression: and([
      // Also false if the item has no such attribute, or does not exist.
      `${bytes} <= ${expression.value(maxBytesBefore)}`,
      ...expectation(expression, expect),
      notHidden(expression),
      notMine(expression, writeId),
      ...extra.map((condition) => `(${condition(expression)})`),
    ]),
    ...expression.placeholders,
  };
}

/** Deletes an item that has the expected version. */
export function deleteItem(TableName: string, { collection, id, expect }: DeleteWrite): DeleteItem {
  const expression = new Expression();
  const conditions = [
    `attribute_exists(${expression.name(idFieldOf(collection))})`,
    ...expectation(expression, expect),
    notHidden(expression),
  ];
  return {
    TableName,
    Key: keyOf(collection, id),
    ConditionExpression: and(conditions),
    ...expression.placeholders,
  };
}

/** The condition that an item is unchanged since it was read: absent, or of the same version and write. */
function unchanged(expression: Expression, collection: CollectionName, read: Item | undefined): string {
  if (read === undefined) return `attribute_not_exists(${expression.name(idFieldOf(collection))})`;
  const same = (attribute: string): string => {
    const name = expression.name(attribute);
    return read[attribute] === undefined
      ? `attribute_not_exists(${name})`
      : `${name} = ${expression.value(read[attribute])}`;
  };
  return and([`attribute_exists(${expression.name(idFieldOf(collection))})`, same('version'), same(WRITE_ID)]);
}

/** A condition that a caller adds to a write. */
export type ExtraCondition = (expression: Expression) => string;

/** Replaces the item that was read. Fails if it has changed since. */
export function overwriteItem(
  TableName: string,
  collection: CollectionName,
  entity: Entity,
  read: Item | undefined,
  writeId: string,
  extra: readonly ExtraCondition[] = [],
): PutItem {
  const expression = new Expression();
  const ConditionExpression = and([
    unchanged(expression, collection, read),
    ...extra.map((condition) => `(${condition(expression)})`),
  ]);
  return { TableName, Item: itemOf(collection, entity, writeId), ConditionExpression, ...expression.placeholders };
}

/** Deletes the item that was read, or only checks it. Fails if it has changed since. */
export function removeOrCheckItem(
  TableName: string,
  collection: CollectionName,
  id: string,
  read: Item | undefined,
): DeleteItem {
  const expression = new Expression();
  const ConditionExpression = unchanged(expression, collection, read);
  return { TableName, Key: keyOf(collection, id), ConditionExpression, ...expression.placeholders };
}

/** Stores an item unchanged, but only over what `over` allows. An item without a version counts as version 1. */
export function loadItem(
  TableName: string,
  collection: CollectionName,
  entity: Entity,
  writeId: string,
  over: LoadOver,
): PutItem {
  const Item = itemOf(collection, entity, writeId);
  if (over === 'any') return { TableName, Item };
  const expression = new Expression();
  const version = expression.name('version');
  const conditions = [
    `attribute_not_exists(${expression.name(idFieldOf(collection))})`,
    `${version} ${over === 'same' ? '<=' : '<'} ${expression.value(versionOf(entity))}`,
    ...(mayLoad(over, versionOf(entity), {}) ? [`attribute_not_exists(${version})`] : []),
  ];
  return {
    TableName,
    Item,
    ConditionExpression: conditions.join(' OR '),
    ...expression.placeholders,
  };
}

/** Checks that an item has a version. @param expect 0: that there is no item */
export function versionCheck(
  TableName: string,
  collection: CollectionName,
  id: string,
  expect: number,
): ConditionCheck {
  const expression = new Expression();
  const key = (): string => expression.name(idFieldOf(collection));
  const version = (): string => expression.name('version');
  const conditions = expect === 0 ? [`attribute_not_exists(${key()})`] : [`${version()} = ${expression.value(expect)}`];
  if (expect === 1) conditions.push(`(attribute_exists(${key()}) AND attribute_not_exists(${version()}))`);
  const ConditionExpression = conditions.join(' OR ');
  return { TableName, Key: keyOf(collection, id), ConditionExpression, ...expression.placeholders };
}

/** Checks that an item exists, whatever its version. */
export function existsCheck(TableName: string, collection: CollectionName, id: string): ConditionCheck {
  const expression = new Expression();
  const ConditionExpression = and([
    `attribute_exists(${expression.name(idFieldOf(collection))})`,
    notHidden(expression),
  ]);
  return { TableName, Key: keyOf(collection, id), ConditionExpression, ...expression.placeholders };
}

function expectation(expression: Expression, expect: Expectation): string[] {
  return typeof expect === 'number' ? [`${expression.name('version')} = ${expression.value(expect)}`] : [];
}

/** The condition that an item is not staged: a staged item counts as absent. */
const notHidden = (expression: Expression): string => `attribute_not_exists(${expression.name(STAGED)})`;

/** The condition that the write has not been done yet: a retry after a lost answer must not be done twice. */
function notMine(expression: Expression, writeId: string): string {
  const name = expression.name(WRITE_ID);
  return `(attribute_not_exists(${name}) OR ${name} <> ${expression.value(writeId)})`;
}

const and = (conditions: readonly string[]): string => conditions.join(' AND ');
