/**
 * Entities as items of their table, and back. Declared fields are attributes of their own; all others are in one map,
 * `extra`, so that a write can replace them without knowing their names.
 */
import { type CollectionName, fieldsOf, idFieldOf } from '../../../model/collections.ts';
import type { Entity, JsonObject, JsonValue } from '../../../model/entities.ts';
import { decodeKey, encodeKey } from '../../../model/item-keys.ts';
import { isPlainObject, setOwn } from '../../../model/json-values.ts';
import { MAX_NESTING } from '../../../model/limits.ts';
import { parseJson } from '../../../model/parse-json.ts';

/** An item as the document client takes and gives it. */
export type Item = Record<string, unknown>;

/** Attributes that the store keeps besides the fields. An item without `BYTES` was written by somebody else. */
export const EXTRA = 'extra';
/** Bytes of the entity's JSON, or more: what updates have added is counted, what they have replaced is not taken off. */
export const BYTES = 'json_bytes';
/** Tells the last write from all others, so that one whose answer was lost can be recognised. */
export const WRITE_ID = 'write_id';

/** Of an item that is being made together with many others, which nobody may see before they are all there. */
export const STAGED = 'staged';

/** Stands for an absent `created_at`, without which an item would be in no index. Above all times. */
export const ABSENT_TIME = '~';

const CREATED_AT = 'created_at';

/**
 * Before the key of a value of `extra` that is kept as JSON text. DynamoDB nests 32 levels, and a field that is nested as
 * deeply as entities may be would have one more here.
 */
const DEEP = '\ue001';
const MAX_DEPTH_IN_EXTRA = MAX_NESTING - 2;

const isDeep = (value: JsonValue, room = MAX_DEPTH_IN_EXTRA): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  if (room === 0) return true;
  return Object.values(value).some((inner: JsonValue) => isDeep(inner, room - 1));
};

/** The two keys of `extra` under which a field may be. */
export const extraKeys = (field: string): readonly [plain: string, deep: string] => [
  encodeKey(field),
  DEEP + encodeKey(field),
];

/** A field of `extra`: its key there, and its value. */
export function extraEntry(field: string, value: JsonValue): readonly [string, JsonValue] {
  const [plain, deep] = extraKeys(field);
  return isDeep(value) ? [deep, JSON.stringify(value)] : [plain, encodeValue(value)];
}

/** A JSON value with the keys that the SDK cannot carry in another form. Shares what needs no change. */
export function encodeValue(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(encodeValue);
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) copy[encodeKey(key)] = encodeValue(value[key] as JsonValue);
  return copy;
}

/** The JSON value of an attribute. Sets and bytes, which only others write, become lists and base64. */
export function decodeValue(value: unknown): JsonValue {
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  if (Array.isArray(value)) return value.map(decodeValue);
  if (value instanceof Set) return [...value].map(decodeValue);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) setOwn(copy, decodeKey(key), decodeValue((value as Item)[key]));
  return copy;
}

/** The fields of an entity that have no attribute of their own. Top-level nulls are absent fields. */
export function extraOf(collection: CollectionName, fields: Readonly<Record<string, unknown>>): JsonObject {
  const declared = fieldsOf(collection);
  const extra: JsonObject = {};
  for (const name of Object.keys(fields)) {
    const value = fields[name] as JsonValue | undefined;
    if (declared.has(name) || value === undefined || value === null) continue;
    const [key, encoded] = extraEntry(name, value);
    extra[key] = encoded;
  }
  return extra;
}

/** Bytes of an entity as JSON, with its system fields. */
export const jsonBytes = (entity: Readonly<Record<string, unknown>>): number =>
  Buffer.byteLength(JSON.stringify(entity));

/** The item of an entity. */
export function itemOf(collection: CollectionName, entity: Entity, writeId: string): Item {
  const item: Item = { [EXTRA]: extraOf(collection, entity), [BYTES]: jsonBytes(entity), [WRITE_ID]: writeId };
  for (const name of fieldsOf(collection).keys()) {
    const value = entity[name];
    if (value !== undefined && value !== null) item[name] = encodeValue(value);
  }
  item[CREATED_AT] ??= ABSENT_TIME;
  return item;
}

/** The entity of an item. */
export function entityOf(collection: CollectionName, item: Item): Entity {
  const declared = fieldsOf(collection);
  const entity = {} as Entity;
  for (const name of declared.keys()) {
    if (item[name] !== undefined && item[name] !== null) entity[name] = decodeValue(item[name]);
  }
  if (entity.created_at === ABSENT_TIME) delete entity.created_at;
  const ours = item[BYTES] !== undefined && isPlainObject(item[EXTRA]);
  const others = ours ? (item[EXTRA] as Item) : item;
  for (const name of Object.keys(others)) {
    if (!ours && declared.has(name)) continue;
    const deep = ours && name.startsWith(DEEP);
    const value = deep ? (parseJson(others[name] as string) as JsonValue) : decodeValue(others[name]);
    if (value !== null) setOwn<JsonValue | undefined>(entity, decodeKey(deep ? name.slice(1) : name), value);
  }
  return entity;
}

/** The key of an item. */
export const keyOf = (collection: CollectionName, id: string): Item => ({ [idFieldOf(collection)]: id });

/** Whether nobody may see the item yet. */
export const isHidden = (item: Item): boolean => item[STAGED] !== undefined;
