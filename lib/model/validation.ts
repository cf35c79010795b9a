/** Checks callers' input against the model, and converts it to the stored form. */
import {
  type CollectionName,
  type FieldDeclaration,
  fieldsOf,
  idFieldOf,
  MAX_INTEGER,
  systemFields,
} from './collections.ts';
import type { Entity, JsonObject, JsonValue } from './entities.ts';
import { itemBytes } from './item-size.ts';
import { childPath, isPlainObject, JsonCopier, type Problem, setOwn } from './json-values.ts';
import { MAX_ENTITY_BYTES, MAX_ITEM_BYTES, MAX_ITEM_GROWTH } from './limits.ts';
import { normalizeTimestamp } from './timestamps.ts';

const CONTROL_CHARACTER = /\p{Cc}/u;

/** An entity whose JSON takes at most this many bytes exceeds no size limit. */
export const MAY_BE_TOO_LARGE = Math.min(MAX_ENTITY_BYTES, MAX_ITEM_BYTES / MAX_ITEM_GROWTH);

/** A caller's input after the checks: usable if `problems` is empty. */
export interface Checked {
  /** The fields to store, without `version` and `updated_at`, which the store sets. Absent fields are omitted. */
  readonly fields: JsonObject;
  /** Fields sent as null: absent in a new entity, removed by an update. */
  readonly removed: readonly string[];
  /** The `version` in the input. */
  readonly version: number | undefined;
  readonly problems: readonly Problem[];
}

const codePoints = (text: string): number => {
  let count = text.length;
  for (let i = 0; i + 1 < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xd800) count--;
  return count;
};

function checkString(text: string, { minLength = 0, maxLength }: FieldDeclaration): string | undefined {
  if (text.length < minLength) return 'must not be empty';
  // A string has at most as many code points as UTF-16 units.
  if (maxLength !== undefined && text.length > maxLength && codePoints(text) > maxLength) {
    return `must have at most ${maxLength} characters, not ${codePoints(text)}`;
  }
  return undefined;
}

function checkInteger(value: number, { minimum = -MAX_INTEGER, exception }: FieldDeclaration): string | undefined {
  if (!Number.isInteger(value)) return 'must be an integer';
  if (value < minimum && value !== exception) {
    return `must be at least ${minimum}${exception === undefined ? '' : `, or ${exception} for no limit`}`;
  }
  if (value > MAX_INTEGER) return `must be at most ${MAX_INTEGER}`;
  return undefined;
}

/** What is wrong with the value of a declared field, or undefined. Timestamps are checked by their normal form. */
function fieldProblem(value: JsonValue, field: FieldDeclaration, isId: boolean): string | undefined {
  switch (field.type) {
    case 'string':
      if (typeof value !== 'string') return 'must be a string';
      if (isId && CONTROL_CHARACTER.test(value)) return 'must not contain control characters';
      return checkString(value, field);
    case 'integer':
      return typeof value === 'number' ? checkInteger(value, field) : 'must be an integer';
    case 'timestamp':
      return typeof value === 'string' && normalizeTimestamp(value) !== undefined
        ? undefined
        : 'must be an ISO 8601 date and time with offset, such as 2026-11-22T10:00:00Z';
    case 'list':
      return Array.isArray(value) ? undefined : 'must be a list';
    case 'object':
      return isPlainObject(value) ? undefined : 'must be an object';
  }
}

/**
 * Checks the value of one declared field and returns it in stored form: timestamps in UTC.
 * @returns the value, or what is wrong with it
 */
export function checkField(
  collection: CollectionName,
  name: string,
  value: JsonValue,
): { value: JsonValue } | { problem: string } {
  const field = fieldsOf(collection).get(name);
  if (field === undefined) return { value };
  const isId = name === idFieldOf(collection) || field.references !== undefined;
  const problem = fieldProblem(value, field, isId);
  if (problem !== undefined) return { problem };
  return { value: field.type === 'timestamp' ? (normalizeTimestamp(value as string) as string) : value };
}

/** What is wrong with an id of this collection, or undefined. */
export function idProblem(collection: CollectionName, id: unknown): string | undefined {
  const copier = new JsonCopier();
  const copy = copier.copy(id, '');
  if (copy === undefined) return copier.problems[0]?.message ?? 'must be a string';
  const checked = checkField(collection, idFieldOf(collection), copy);
  return 'problem' in checked ? checked.problem : undefined;
}

/** What is wrong with the size of an entity, or undefined. System fields do not count. */
export function sizeProblem(entity: Readonly<Record<string, unknown>>): string | undefined {
  const fields = Object.fromEntries(Object.entries(entity).filter(([name]) => !Object.hasOwn(systemFields, name)));
  const bytes = Buffer.byteLength(JSON.stringify(fields));
  if (bytes > MAX_ENTITY_BYTES) return `takes ${bytes} bytes as JSON; the limit is ${MAX_ENTITY_BYTES} (350 KB)`;
  if (bytes * MAX_ITEM_GROWTH <= MAX_ITEM_BYTES) return undefined;
  const asItem = itemBytes(fields);
  return asItem > MAX_ITEM_BYTES
    ? `would take ${asItem} bytes as a DynamoDB item; the limit is ${MAX_ITEM_BYTES}. Store many small values as one text`
    : undefined;
}

function checkFields(collection: CollectionName, input: unknown): Checked & { problems: Problem[] } {
  const copier = new JsonCopier();
  const { problems } = copier;
  const fields: JsonObject = {};
  const removed: string[] = [];
  let version: number | undefined;
  if (!isPlainObject(input)) {
    problems.push({ path: '', message: 'must be a JSON object' });
    return { fields, removed, version, problems };
  }
  for (const name of Object.keys(input)) {
    const sent = input[name];
    if (sent === undefined || name === 'updated_at') continue;
    const path = childPath('', name);
    if (!copier.checkKey(name, path)) continue;
    if (sent === null) {
      if (name !== 'version') removed.push(name);
      continue;
    }
    const copy = copier.copy(sent, path, 1);
    if (copy === undefined) continue;
    const checked = checkField(collection, name, copy);
    if ('problem' in checked) problems.push({ path, message: checked.problem });
    else if (name === 'version') version = checked.value as number;
    else setOwn(fields, name, checked.value);
  }
  if (copier.sizeBound > MAY_BE_TOO_LARGE) {
    const problem = sizeProblem(fields);
    if (problem !== undefined) problems.push({ path: '', message: problem });
  }
  return { fields, removed, version, problems };
}

/**
 * Checks a whole entity and fills in the defaults that need no other entity. A field whose default comes from its
 * parent (`defaultFrom`) may be missing in the result.
 */
export function checkEntity(collection: CollectionName, input: unknown): Checked {
  const checked = checkFields(collection, input);
  if (!isPlainObject(input)) return checked;
  const { fields, problems } = checked;
  const invalid = new Set(problems.map(({ path }) => path));
  for (const [name, field] of fieldsOf(collection)) {
    if (field.required !== true || fields[name] !== undefined || invalid.has(name)) continue;
    if (field.default !== undefined) fields[name] = field.default;
    else if (field.defaultFrom === undefined) problems.push({ path: name, message: 'is required' });
  }
  return checked;
}

/** Checks the changes of an update. `created_at` is dropped: it never changes after creation. */
export function checkChanges(collection: CollectionName, id: string, input: unknown): Checked {
  const checked = checkFields(collection, input);
  const { fields, removed, problems } = checked;
  const idField = idFieldOf(collection);
  if (fields[idField] !== undefined && fields[idField] !== id) {
    problems.push({ path: idField, message: `cannot be changed: this is ${JSON.stringify(id)}` });
  }
  delete fields[idField];
  delete fields.created_at;
  for (const name of removed) {
    if (fieldsOf(collection).get(name)?.required === true) {
      problems.push({ path: name, message: 'is required and cannot be removed' });
    }
  }
  return { ...checked, removed: removed.filter((name) => !Object.hasOwn(systemFields, name)) };
}

/** What is wrong with a record that is already stored. */
export function recordProblems(collection: CollectionName, record: Entity): readonly Problem[] {
  const { problems } = checkFields(collection, record);
  const found = [...problems];
  const invalid = new Set(found.map(({ path }) => path));
  for (const [name, field] of fieldsOf(collection)) {
    if (field.required === true && !invalid.has(name) && (record[name] ?? null) === null) {
      found.push({ path: name, message: 'is required' });
    }
  }
  return found;
}
