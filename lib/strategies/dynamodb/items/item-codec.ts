/**
 * Converts entities to items of their table, and back. Declared fields are attributes of their own; all others are in one
 * map, `extra`, so that a write can replace them without knowing their names.
 */
import { type CollectionName, fieldsOf, idFieldOf } from '../../../model/collections.ts';
import type { Entity, JsonObject, JsonValue } from '../../../model/entities.ts';
import { decodeKey, encodeKey } from '../../../model/item-keys.ts';
import { isPlainObject, setOwn } from '../../../model/json-values.ts';
import { MAX_NESTING } from '../../../model/limits.ts';
import { parseJson } from '../../../model/parse-json.ts';

/** An item in the form of the document client. */
export type Item = Record<string, unknown>;

/** Additional attributes of the store. An item without `BYTES` was written by another program. */
export const EXTRA = 'extra';
/** Upper bound for the bytes of the entity's JSON: updates add the new bytes but do not subtract the replaced ones. */
export const BYTES = 'json_bytes';
/** Identifies the last write, so that one whose answer was lost can be recognised. */
export const WRITE_ID = 'write_id';

/** Marks an item that is being created together with many others, and stays hidden until all of them exist. */
export const STAGED = 'staged';

/** Replaces an absent `created_at`, without which an item would be in no index. Sorts after all times. */
export const ABSENT_TIME = '~';

const CREATED_AT = 'created_at';

/**
 * Prefix of the key of a value in `extra` that is stored as JSON text. DynamoDB allows 32 levels of nesting, and a field
 * with the maximum nesting of entities would have one more here.
 */
const DEEP = '\ue001';
const MAX_DEPTH_IN_EXTRA = MAX_NESTING - 2;

const isDeep = (value: JsonValue, levels = MAX_DEPTH_IN_EXTRA): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner: JsonValue) => isDeep(inner, levels - 1));
};

/** The two keys of `extra` under which a field may be stored. */
export const extraKeys = (field: string): readonly [plain: string, deep: string] => [
  encodeKey(field),
  DEEP + encodeKey(field),
];

/** The key and the value of a field in `extra`. */
export function extraEntry(field: string, value: JsonValue): readonly [string, JsonValue] {
  const [plain, deep] = extraKeys(field);
  return isDeep(value) ? [deep, JSON.stringify(value)] : [plain, encodeValue(value)];
}

/** A JSON value in which keys that the SDK cannot handle are encoded. May share parts with the original. */
export function encodeValue(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(encodeValue);
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) copy[encodeKey(key)] = encodeValue(value[key] as JsonValue);
  return copy;
}

/** The JSON value of an attribute. Sets and bytes, which only other programs write, become lists and base64. */
export function decodeValue(value: unknown): JsonValue {
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  if (Array.isArray(value)) return value.map(decodeValue);
  if (value instanceof Set) return [...value].map(decodeValue);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) setOwn(copy, decodeKey(key), decodeValue((value as Item)[key]));
  return copy;
}

/** The fields of an entity without an attribute of their own. Top-level nulls are absent fields. */
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

/** Bytes of an entity as JSON, including its system fields. */
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

/** Whether the item is still hidden from readers. */
export const isHidden = (item: Item): boolean => item[STAGED] !== undefined;
