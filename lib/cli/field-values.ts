/** `--set field=value`: converts text from the command line to the types of the model's fields. */
import { type CollectionName, fieldsOf } from '../model/collections.ts';
import type { JsonObject, JsonValue } from '../model/entities.ts';
import { setOwn } from '../model/json-values.ts';
import { parseJson } from '../model/parse-json.ts';
import { UsageError } from './failures.ts';

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Splits `name=value` of a repeated option at the first `=`. */
export function splitAssignment(option: string, text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`${option} ${JSON.stringify(text)} has no field: write ${option} field=value.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function parsed(text: string): JsonValue | undefined {
  try {
    return parseJson(text) as JsonValue;
  } catch {
    return undefined;
  }
}

function fieldValue(collection: CollectionName, name: string, text: string): JsonValue {
  const type = fieldsOf(collection).get(name)?.type;
  switch (type) {
    case 'string':
    case 'timestamp':
      return text;
    case 'integer':
      if (!NUMBER.test(text)) throw new UsageError(`--set ${name}=${text}: ${name} must be an integer.`);
      return Number(text);
    case 'list':
    case 'object': {
      const value = parsed(text);
      if (value !== undefined) return value;
      throw new UsageError(
        `--set ${name}=${text}: ${name} must be a JSON ${type}, such as ${type === 'list' ? '["a"]' : '{"a":1}'}.`,
      );
    }
    default:
      return parsed(text) ?? text;
  }
}

/** The changes for `--set field=value` and `--unset field`. */
export function changesOf(collection: CollectionName, set: readonly string[], unset: readonly string[]): JsonObject {
  const changes: JsonObject = {};
  for (const assignment of set) {
    const [name, text] = splitAssignment('--set', assignment);
    setOwn(changes, name, fieldValue(collection, name, text));
  }
  for (const name of unset) {
    if (Object.hasOwn(changes, name)) throw new UsageError(`${name} is both set and unset; give one of them.`);
    setOwn(changes, name, null);
  }
  return changes;
}
